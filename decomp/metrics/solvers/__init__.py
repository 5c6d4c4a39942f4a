"""Solvers that the metrics share: classifiers, Newton's method, sums of products."""
