import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from experiments.system import signals


@pytest.fixture(autouse=True)
def default_handlers():
    """Handlers of a process in the foreground, whatever those of the tests are."""
    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, h) for number, h in handlers.items()}
    yield handlers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_remembered(number, default_handlers):
    with signals.listening() as received:
        assert received() == 0
        os.kill(os.getpid(), number)
        assert received() == number
    assert signal.getsignal(number) is default_handlers[number]
    assert signals.Stopped(number).exit_code == 128 + number


def test_the_second_signal_has_its_default_effect():
    with pytest.raises(KeyboardInterrupt), signals.listening():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals.listening() as received:
        os.kill(os.getpid(), signal.SIGINT)
        assert received() == 0


WATCHED = """
import hashlib, os, pathlib, sys, time
from experiments.system import atomic_files, signals
signals.watch()
print("ready", flush=True)
{}
"""
BLOCKED = (
    "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**30)"  # no Python handler runs meanwhile
)


@pytest.fixture
def start():
    """Starts Python code that watches signals; ends the processes afterwards."""
    processes = []

    def start_process(code):
        process = subprocess.Popen(
            [sys.executable, "-c", WATCHED.format(code)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start_process
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_ends_at_once_during_a_call_outside_python(start, number):
    process = start(BLOCKED)
    process.send_signal(number)
    _, line = process.communicate(timeout=3)
    assert process.returncode == 128 + number
    words = "the command stopped; what it had written is whole"
    assert line == f"experiments: {number.name}: {words}\n"


def test_a_command_says_what_it_waits_for_and_saves_it(start):
    process = start(
        "with signals.listening() as received:\n"
        "    received.waits = 'all is saved'\n"
        "    print('go', flush=True)\n"
        "    while not received(): time.sleep(.01)\n"
        "    sys.stdin.readline()\n"
        "    print('saved', received(), flush=True)\n"
        "signals.leave(7)"
    )
    assert process.stdout.readline() == "go\n"
    process.send_signal(signal.SIGINT)
    words = "the command waits until all is saved; a second signal ends it at once"
    assert process.stderr.readline() == f"experiments: SIGINT: {words}\n"
    assert process.communicate(timeout=3)[0] == "saved 2\n"
    assert process.returncode == 7


def test_the_second_signal_ends_the_waiting(start):
    process = start(
        "with signals.listening() as received:\n"
        "    received.waits = 'all is saved'\n"
        "    print('go', flush=True)\n"
        f"    {BLOCKED}"
    )
    assert process.stdout.readline() == "go\n"
    process.send_signal(signal.SIGINT)
    assert "a second signal" in process.stderr.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert "stopped" in process.communicate(timeout=3)[1]
    assert process.returncode == 130


def test_a_file_being_written_is_completed_and_others_are_removed(start, tmp_path):
    process = start(
        "fsync = os.fsync\n"
        "def slowly(file):\n"
        "    print('go', flush=True)\n"
        "    time.sleep(.3)\n"
        "    fsync(file)\n"
        "os.fsync = slowly\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "with signals.cleaning((folder / 'left').unlink):\n"
        "    (folder / 'left').touch()\n"
        "    atomic_files.write(folder / 'kept', b'all of it')\n"
        "    time.sleep(60)"
    )
    assert process.stdout.readline() == "go\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=3)
    assert process.returncode == 143
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"all of it"


def test_a_command_continues_after_a_signal_that_it_ignores(start):
    process = start("sys.stdin.readline()")
    process.send_signal(signal.SIGWINCH)  # the window was resized
    assert process.communicate(timeout=3) == ("", "")
    assert process.returncode == 0


COMMANDS = {
    "main": ["--config=configs/pinwheel.py:smoke", "--config.train.steps=300000"],
    "score": ["--codes={}/codes.npy", "--factors={}/factors.npy", "--out={}/score"],
    "bias": ["--synthetic", "--out={}/bias"],
    "variants": ["{}/images", "--points=64", "--out={}/variants"],
    "figures": ["{}/images"],
    "report": ["{}/images", "--out={}/report.html"],
    "watch": ["{}/begun", "--every=1"],
    "findings": ["--keep", "{}/none"],
    "faults": ["--kills=1"],
    "benchmarks": ["--rows", "pinwheel"],
}


@pytest.fixture(scope="module")
def folder(image_results, tmp_path_factory):
    """A folder with the input of the commands, and for their output."""
    folder = tmp_path_factory.mktemp("stopped")
    shutil.copytree(image_results, folder / "images")
    (folder / "begun").mkdir()
    for name in ("config.json", "settings.json"):
        shutil.copy(image_results / name, folder / "begun")
    rng = np.random.default_rng(0)
    np.save(folder / "codes.npy", rng.normal(size=(2000, 5)))
    np.save(folder / "factors.npy", rng.integers(0, 4, (2000, 3)))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_at_any_moment_ends_every_command_in_one_line(name, folder):
    arguments = [word.format(folder) for word in COMMANDS[name]]
    workdir = [f"--workdir={folder / 'main'}"] if name == "main" else []
    package = "tests" if name == "faults" else "experiments"
    begin = time.monotonic()
    subprocess.run([sys.executable, "-c", "import experiments"], check=True)
    start = 2 * (time.monotonic() - begin)  # Python itself has started by then
    for moment in (start, *(m for m in (0.5, 2.0, 6.0, 16.0) if m > start)):
        with subprocess.Popen(
            [sys.executable, "-m", f"{package}.{name}", *arguments, *workdir],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            time.sleep(moment)
            process.send_signal(signal.SIGINT)
            begin = time.monotonic()
            line = process.stderr.readline()
            assert time.monotonic() - begin < 3
            rest = process.stderr.read()
        if process.returncode in (0, 2):  # it had finished
            return
        assert process.returncode == 130
        assert line.startswith((f"{package}.{name}: SIGINT: ", "experiments: SIGINT"))
        assert rest == ""
