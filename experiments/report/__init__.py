"""One HTML page about finished sweeps, which opens without a network."""
