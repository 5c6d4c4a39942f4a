"""Metrics of disentanglement, one a file, on plain arrays of codes and factors."""
