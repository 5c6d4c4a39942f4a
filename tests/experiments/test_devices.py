import sys
import types

import jax
import pytest

from experiments.system import devices


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="this test is for CPUs")
def test_on_cpus_programs_are_not_kept_unless_requested():
    before = jax.config.jax_compilation_cache_dir
    devices.keep_programs()
    assert jax.config.jax_compilation_cache_dir == before


def test_without_a_job_connecting_is_refused():
    with pytest.raises(ValueError, match="needs a job of several processes") as error:
        devices.connect()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("error", "reported"),
    [(RuntimeError("Event loop is closed"), False), (ValueError("other"), True)],
)
def test_only_errors_of_late_writes_are_hidden(error, reported, monkeypatch):
    reports = []
    monkeypatch.setattr(sys, "__unraisablehook__", reports.append)
    args = types.SimpleNamespace(exc_value=error)
    devices.leave_out_late_writes(args)
    assert reports == ([args] if reported else [])


def test_commands_ignore_x64_and_report_it(capsys):
    jax.config.update("jax_enable_x64", True)
    try:
        devices.use_float32()
        assert not jax.config.jax_enable_x64
        assert capsys.readouterr().err == (
            "JAX_ENABLE_X64 is ignored: commands compute in float32.\n"
        )
        devices.use_float32()
        assert capsys.readouterr().err == ""
    finally:
        jax.config.update("jax_enable_x64", False)
