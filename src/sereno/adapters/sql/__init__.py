"""State in SQL: one schema for SQLite and PostgreSQL."""
