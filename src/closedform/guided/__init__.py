"""Searches led by what the user knows: a form that the law has, formulas to start from."""
