import os
import subprocess
import sys

import pytest

from experiments import startup

PROGRAM = """
import jax, sys
from experiments import startup
startup.keep_programs()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
print(jax.jit(lambda x: 2 * x + 1)(3.0))
"""


def start(folder, **more):
    environment = os.environ | {"DECOMP_CACHE": str(folder)} | more
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment | more,
        check=True,
        capture_output=True,
        text=True,
    )


def test_compiled_programs_are_kept_and_a_damaged_one_is_compiled_anew(tmp_path):
    assert start(tmp_path).stdout == "7.0\n"
    (folder,) = (tmp_path / "programs").iterdir()
    kept = [path for path in folder.iterdir() if path.name.endswith("-cache")]
    assert kept
    written = [path.stat().st_mtime_ns for path in kept]
    assert start(tmp_path).stdout == "7.0\n"
    assert [path.stat().st_mtime_ns for path in kept] == written
    for path in kept:
        path.write_bytes(path.read_bytes()[:20])
    assert start(tmp_path).stdout == "7.0\n"


def test_programs_are_kept_where_the_user_says(tmp_path):
    other = tmp_path / "other"
    start(tmp_path, JAX_COMPILATION_CACHE_DIR=str(other))
    assert not (tmp_path / "programs").exists()
    assert any(other.iterdir())


def test_without_a_job_there_is_nothing_to_join():
    with pytest.raises(ValueError, match="expects a job of several processes") as error:
        startup.connect()
    assert "\n" not in str(error.value)
