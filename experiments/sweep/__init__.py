"""Sweeps: the layout of many runs, their training in blocks, and their files."""
