"""Screening: subexpressions combined in closed form, judged and trained; what several engines are made of."""
