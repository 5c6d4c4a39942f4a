"""Checks configs, expands them to the settings of a sweep, and parses commands."""
