"""Readers of files that nobody vouches for, and what fetches and keeps them."""
