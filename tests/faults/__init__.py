"""Small sweeps and commands, which must survive faults and refuse bad input."""

# As a command, it watches for signals before the slow imports of `__main__`.
import experiments  # noqa: F401
