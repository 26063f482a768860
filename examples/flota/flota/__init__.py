"""A lender of vehicles: three services, their providers and their drivers, for examples, demos and tests."""
