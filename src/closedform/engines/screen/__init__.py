"""The screen engine."""
