"""Solvers that the metrics share: classifiers, Newton's method, sums of products."""

__all__ = [
    "classifiers",
    "fitted",
    "multinomial",
    "newton",
    "outer_products",
    "subsets",
]
