"""Ways of finding formulas."""
