"""Solvers that the metrics share: classifiers, neighbours, Newton's method, products."""

__all__ = [
    "classifiers",
    "fitted",
    "multinomial",
    "neighbours",
    "newton",
    "outer_products",
    "subsets",
]
