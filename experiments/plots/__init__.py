"""Figures, one file per kind, with a shared `style`."""
