"""Configurations: base.py has every field once, each other file is one figure."""
