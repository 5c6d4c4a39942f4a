"""Small sweeps and commands, which must survive faults and refuse bad input."""
