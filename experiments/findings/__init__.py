"""The paper's findings R1–R13, tested on the tables of finished sweeps."""
