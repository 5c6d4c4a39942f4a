"""Configs: fields, valid combinations, settings, and the command line."""
