"""Enumeration: layers of subexpressions, each evaluated once, in which pieces of the target are looked up by value."""
