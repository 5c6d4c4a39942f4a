"""Solvers that the metrics share, such as linear classifiers and Newton's method."""

__all__ = [
    "classifiers",
    "fitted",
    "multinomial",
    "neighbours",
    "newton",
    "outer_products",
    "subsets",
]
