"""Data sets: which there are, and their arrays."""
