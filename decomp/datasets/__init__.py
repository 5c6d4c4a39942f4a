"""Data sets as arrays with their factors: drawn, read from files, or downloaded."""
