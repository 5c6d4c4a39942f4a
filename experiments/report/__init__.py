"""One HTML page from the files of finished experiments, to be opened without a net."""
