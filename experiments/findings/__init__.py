"""The paper's findings R1–R13, decided from the tables of finished sweeps."""
