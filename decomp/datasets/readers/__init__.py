"""Readers of untrusted files, downloads, and a cache on disk."""
