"""Spec in, text out, byte-identical."""
