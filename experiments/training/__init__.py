"""Training of one run of a sweep, and its optimiser."""
