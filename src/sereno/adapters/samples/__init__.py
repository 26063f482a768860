"""Samples: the embedded store, the scraper that fills it, and the reader of a real Prometheus."""
