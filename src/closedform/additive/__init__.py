"""Rational ANOVA Networks for tables: their fit, and the fitted pieces that predicting, export and pictures use."""
