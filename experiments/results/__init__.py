"""The tables of a sweep, written and read."""
