"""Makes a Python service observable and resilient in one line."""
