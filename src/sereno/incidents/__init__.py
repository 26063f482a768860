"""The shared timeline of a bad day: roles, phases, updates, post-mortem."""
