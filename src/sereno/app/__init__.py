"""The wiring: settings, event table, HTTP, pages, workers, command line."""
