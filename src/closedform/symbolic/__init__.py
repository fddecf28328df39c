"""Formulas: nodes, values, derivatives, text, simplification, exports."""
