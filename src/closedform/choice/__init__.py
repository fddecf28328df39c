"""Choosing a formula for a small table with noise: by rows that its constants were not fitted to."""
