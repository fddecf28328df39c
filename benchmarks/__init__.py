"""Measurements of closedform: formulas that are known, and how many of them come back."""
