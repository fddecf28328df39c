"""Libraries of subexpressions with their values: what engines start from.

In the language of LIES networks every entry is a small sub-network (one or two layers of log, identity, exponential and
sine units) whose read-out weight is solved in closed form; its inner weights are the free constants of the entry.
"""
