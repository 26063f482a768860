"""The history of the schema, one line of it for both databases."""

HEAD = "0003"
