"""Stores that live in memory: what the simulator and the stories run on."""
