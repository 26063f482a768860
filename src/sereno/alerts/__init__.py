"""Rules evaluated: pending, firing, resolved."""
