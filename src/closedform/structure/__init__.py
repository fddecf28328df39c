"""Structure: what a table tells about a law before any formula is known, each finding with its evidence."""
