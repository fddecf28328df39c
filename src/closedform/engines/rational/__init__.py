"""Distillation: a Rational ANOVA Network cuts a problem into effects of few columns, each searched by itself."""
