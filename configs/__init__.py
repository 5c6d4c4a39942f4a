"""Configs: base.py has every field once, and each other file is one experiment."""
