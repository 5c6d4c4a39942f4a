"""How it is trained: the loss of a minibatch, the optimiser, and one run."""
