"""Reads everything, changes nothing: what rules would have done, how rightly, and at what cost to people."""
