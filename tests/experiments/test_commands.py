"""The output of commands, and how they end."""

import argparse
import importlib
import io
import os
import subprocess
import sys

import pytest

from experiments.system import commands


@pytest.mark.parametrize(
    ("encoding", "output"),
    [
        ("ascii", rb"\u03b2 = 1 \xb1 2"),
        ("latin-1", b"\\u03b2 = 1 \xb1 2"),
        ("cp1252", b"\\u03b2 = 1 \xb1 2"),
        ("utf-8", "β = 1 ± 2".encode()),
    ],
)
def test_a_character_that_an_encoding_lacks_is_printed_as_its_number(
    monkeypatch, encoding, output
):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding=encoding))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    commands.use_plain_output()
    print("β = 1 ± 2", end="", flush=True)
    assert buffer.getvalue() == output


PRINTS = """
import sys, time
sys.argv = ["-m"]
import experiments
for i in range(1000):
    print("β", "x" * 1000, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_pipe_ends_the_command_silently(stream):
    code = (
        PRINTS
        if stream == "stdout"
        else f"{PRINTS}".replace("flush=True", "file=sys.stderr")
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        reading, other = process.stdout, process.stderr
        if stream == "stderr":
            reading, other = other, reading
        reading.readline()
        reading.close()
        assert process.wait(10) == 141
        assert other.read() == b""


def test_closed_streams_are_no_error():
    code = "import sys; sys.argv = ['-m']; import experiments; print('x'); sys.exit(3)"
    shell_line = f'"$0" -c "{code}" >&- 2>&-'
    process = subprocess.run(["sh", "-c", shell_line, sys.executable], env=os.environ)
    assert process.returncode == 3


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("two\nlines"), "name: two lines"),
        (OSError(28, "No space left"), "name: [Errno 28] No space left"),
        (MemoryError("1 TiB"), "name: there is too little memory. 1 TiB"),
    ],
)
def test_an_error_of_the_input_is_one_line_and_code_two(capsys, error, line):
    @commands.command("name")
    def main(arguments=None):
        raise error

    assert main([]) == 2
    assert capsys.readouterr().err == f"{line}\n"


def test_an_error_of_the_program_keeps_its_traceback():
    @commands.command("name")
    def main(arguments=None):
        raise KeyError("bug")

    with pytest.raises(KeyError):
        main([])


@pytest.mark.parametrize("platform", ["cuda", "nonsense"])
def test_a_missing_platform_is_refused_in_one_line_that_names_the_others(platform):
    code = "from experiments.system import devices\ntry: devices.check_platform()\n"
    code += "except ValueError as error: print(error)"
    environment = os.environ | {"JAX_PLATFORMS": platform}
    process = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert process.stdout.count("\n") == 1, process.stderr
    assert f"JAX_PLATFORMS={platform} names a platform" in process.stdout
    assert "there is cpu, which JAX_PLATFORMS=cpu takes" in process.stdout


def test_a_place_that_cannot_be_written_to_is_refused_before_any_work(tmp_path):
    (tmp_path / "a file").touch()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert commands.folder(f"{tmp_path}/new/folder") == tmp_path / "new" / "folder"
    assert commands.file(f"{tmp_path}/new/page") == tmp_path / "new" / "page"
    assert commands.file(f"{tmp_path}/a file") == tmp_path / "a file"
    for kind in (commands.folder, commands.file):
        with pytest.raises(argparse.ArgumentTypeError, match="a file is a file"):
            kind(f"{tmp_path}/a file/below")
        if not os.access(closed, os.W_OK):  # root may write to any folder
            with pytest.raises(argparse.ArgumentTypeError, match="closed cannot be"):
                kind(f"{closed}/new")
    with pytest.raises(argparse.ArgumentTypeError, match="is a folder"):
        commands.file(str(tmp_path))


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("score", "--out"),
        ("bias", "--out"),
        ("variants", "--out"),
        ("report.__main__", "--out"),
        ("plan.__main__", "--json"),
    ],
)
def test_commands_refuse_such_a_place_in_one_line(tmp_path, capsys, command, option):
    (tmp_path / "a file").touch()
    module = importlib.import_module(f"experiments.{command}")
    workdir = [str(tmp_path)] if command[0] in "vr" else []
    assert module.main([*workdir, f"{option}={tmp_path}/a file/below"]) == 2
    error = capsys.readouterr().err
    assert f"argument {option}: must be in a folder that can be written to" in error
