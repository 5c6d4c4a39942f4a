"""How it is trained: the optimiser, and one run."""
