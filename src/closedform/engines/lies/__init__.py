"""The LIES engine."""
