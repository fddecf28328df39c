"""Small real tables and the named formulas of the literature."""
