"""Structured lines, the same from structlog and from `logging`."""
