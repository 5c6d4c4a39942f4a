import signal
import subprocess
import sys

import pytest

COMMAND = """
from decomp.datasets.readers import ending
ending.begin("name")
print("β", flush=True)
while True: pass
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_in_one_line(number):
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONIOENCODING": "ascii"},
    ) as process:
        assert process.stdout.readline() == "\\u03b2\n"
        process.send_signal(number)
        try:
            _, line = process.communicate(timeout=5)
        finally:
            process.kill()
    assert process.returncode == 128 + number
    assert line == f"name: {number.name}: stopped\n"
