"""Solvers that the metrics share: classifiers, neighbours, Newton's method, sums."""

__all__ = [
    "classifiers",
    "fitted",
    "multinomial",
    "neighbours",
    "newton",
    "outer_products",
    "subsets",
]
