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
def usual():
    """The handlers of a process in the foreground, whatever those of the tests are."""
    handlers = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, h) for number, h in handlers.items()}
    yield handlers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_remembered(number, usual):
    with signals.listening() as asked:
        assert asked() == 0
        os.kill(os.getpid(), number)
        assert asked() == number
    assert signal.getsignal(number) is usual[number]
    assert signals.Stopped(number).exit_code == 128 + number


def test_the_second_signal_has_its_usual_effect():
    with pytest.raises(KeyboardInterrupt), signals.listening():  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_that_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with signals.listening() as asked:
        os.kill(os.getpid(), signal.SIGINT)
        assert asked() == 0


WATCHED = """
import hashlib, os, pathlib, sys, time
from experiments.system import atomic_files, signals
signals.watch()
print("ready", flush=True)
{}
"""
BLOCKED = (
    "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**30)"  # no handler of Python's runs
)


@pytest.fixture
def started():
    """Starts Python with the thread of a command and some code; ends it afterwards."""
    processes = []

    def start(code):
        process = subprocess.Popen(
            [sys.executable, "-c", WATCHED.format(code)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_ends_at_once_though_it_is_not_in_python(started, number):
    process = started(BLOCKED)
    process.send_signal(number)
    _, line = process.communicate(timeout=3)
    assert process.returncode == 128 + number
    assert (
        line == f"experiments: {number.name}: stopped; what it had written is whole\n"
    )


def test_what_has_to_be_saved_is_waited_for_and_said(started):
    process = started(
        "with signals.listening() as asked:\n"
        "    asked.waits = 'all is saved'\n"
        "    print('go', flush=True)\n"
        "    while not asked(): time.sleep(.01)\n"
        "    sys.stdin.readline()\n"
        "    print('saved', asked(), flush=True)\n"
        "signals.leave(7)"
    )
    assert process.stdout.readline() == "go\n"
    process.send_signal(signal.SIGINT)
    words = "waits until all is saved; a second one ends it at once"
    assert process.stderr.readline() == f"experiments: SIGINT: {words}\n"
    assert process.communicate(timeout=3)[0] == "saved 2\n"
    assert process.returncode == 7


def test_the_second_signal_ends_what_is_waited_for(started):
    process = started(
        "with signals.listening() as asked:\n"
        "    asked.waits = 'all is saved'\n"
        "    print('go', flush=True)\n"
        f"    {BLOCKED}"
    )
    assert process.stdout.readline() == "go\n"
    process.send_signal(signal.SIGINT)
    assert "a second one" in process.stderr.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert "stopped" in process.communicate(timeout=3)[1]
    assert process.returncode == 130


def test_a_file_that_is_being_written_is_there_whole_and_the_rest_is_cleaned(
    started, tmp_path
):
    process = started(
        "whole = os.fsync\n"
        "def slowly(file):\n"
        "    print('go', flush=True)\n"
        "    time.sleep(.3)\n"
        "    whole(file)\n"
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


def test_a_command_that_ignores_a_signal_goes_on(started):
    process = started("sys.stdin.readline()")
    process.send_signal(signal.SIGWINCH)  # a window that is resized
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
    """What the commands read, and room for what they write."""
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
    typed = [word.format(folder) for word in COMMANDS[name]]
    workdir = [f"--workdir={folder / 'main'}"] if name == "main" else []
    package = "tests" if name == "faults" else "experiments"
    for moment in (0.1, 0.5, 2.0, 6.0, 16.0):
        with subprocess.Popen(
            [sys.executable, "-m", f"{package}.{name}", *typed, *workdir],
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
        if process.returncode in (0, 2):  # it had come to its end
            return
        ours = "experiments" in line + rest or "tests/faults" in line + rest
        if process.returncode == -signal.SIGINT and not ours:
            continue  # Python itself was not yet up, on a machine that is busy
        assert process.returncode == 130
        assert line.startswith((f"{package}.{name}: SIGINT: ", "experiments: SIGINT"))
        assert rest == ""
