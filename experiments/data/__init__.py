"""Data sets: the registry and their arrays."""
