"""Metrics of disentanglement, one a file, on plain arrays of codes and factors.

What they take, what is a class and what is continuous, and what a constant or missing
value does is one rule for all of them, in `decomp.metrics.inputs`.
"""
