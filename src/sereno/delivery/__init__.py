"""May this change go out: the switches of what is new, and how they stand now."""
