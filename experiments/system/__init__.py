"""The machine: processes, devices, signals, the terminal and files."""
