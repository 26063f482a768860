"""Switches that are thrown while the program runs."""
