"""A small marketplace: real processes that take real requests, for examples, demos and tests."""
