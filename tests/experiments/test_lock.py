import errno
import fcntl
import os
import subprocess
import sys

import pytest

from experiments.system import lock

HOLDER = """
import pathlib, sys, time
from experiments.system import lock
with lock.held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of a folder."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_folder_in_use_is_refused_in_one_line_naming_the_process(holder, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    before = sorted(path.name for path in tmp_path.iterdir())
    with (
        pytest.raises(ValueError, match=f"in use by process {holder.pid} on ") as error,
        lock.held(tmp_path),
    ):
        pass
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_lock_ends_with_its_process(holder, tmp_path):
    holder.kill()
    holder.wait()
    with lock.held(tmp_path):
        (tmp_path / "result").touch()
    with lock.held(tmp_path):
        pass


def test_a_folder_without_results_is_removed(tmp_path):
    with pytest.raises(ZeroDivisionError), lock.held(tmp_path / "new"):
        raise ZeroDivisionError
    assert not (tmp_path / "new").exists()


def test_a_file_system_without_locks_is_used_with_a_warning(
    tmp_path, monkeypatch, capsys
):
    def no_locks(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with lock.held(tmp_path / "w"):
        (tmp_path / "w" / "result").touch()
    output = capsys.readouterr().out
    assert output.count("\n") == 1
    assert "cannot be locked (No locks available)" in output


def test_a_folder_that_cannot_be_created_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(ValueError, match="cannot write to --workdir"),
        lock.held(tmp_path / "file" / "folder"),
    ):
        pass
