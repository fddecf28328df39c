"""Fitting of networks: least squares over many restarts, sparsity, budgets."""
