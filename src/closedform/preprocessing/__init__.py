"""The door for tables: reading, checking, names."""
