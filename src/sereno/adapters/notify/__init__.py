"""Notifiers: how a message leaves the house."""
