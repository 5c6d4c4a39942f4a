"""The machine: its description, its rate of matrix products, and its time to start."""

import importlib.metadata
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

import decomp.runs
from experiments.system import parallel, signals

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "torch")
_SIDE = 1024
# What decides the speed of products, by its flag in /proc/cpuinfo.
_EXTENSIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_bf16": "AVX-512 BF16",
    "amx_tile": "AMX",
}


class Product:
    """Products of two square matrices, one after another on every device at once."""

    flops = 2.0 * _SIDE**3

    def __init__(self, devices: int):
        self.runs = devices
        plan = decomp.runs.plan(
            devices, devices=parallel.devices(devices), block=devices
        )

        def repeated(x: jax.Array, steps: jax.Array) -> jax.Array:
            return jax.lax.fori_loop(0, steps, lambda _, y: (y @ x) / _SIDE, x)

        self._x = parallel.scatter(plan, jnp.ones((devices, _SIDE, _SIDE)))
        self._function = parallel.over_runs(
            repeated, plan, mapped=1, shared=1, vmapped=False
        )

    def seconds(self, steps: int) -> float:
        start = time.perf_counter()
        jax.block_until_ready(self._function(self._x, jnp.int32(steps)))
        return time.perf_counter() - start


def description() -> str:
    """Processor, devices and versions, in one line."""
    device = jax.devices()[0]
    versions = []
    for name in _PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return (
        f"{_processor()}, {len(jax.devices())} × {device.device_kind}; Python "
        f"{platform.python_version()}, {', '.join(versions)}."
    )


def start(options: Any) -> Iterator[tuple[str, ...]]:
    """The time from the command to the first training step on full-size dSprites."""
    del options
    with (
        tempfile.TemporaryDirectory() as folder,
        signals.cleaning(lambda: shutil.rmtree(folder)),
    ):
        command = [sys.executable, "-m", "experiments.main"]
        command += ["--config=configs/shapes_anisotropic.py", f"--workdir={folder}"]
        command += ["--config.prior.name=isotropic", "--config.runs.block=2"]
        begin = time.perf_counter()
        with (
            subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
            ) as process,
            signals.cleaning(process.kill),
        ):
            for line in process.stdout:
                if "compiled in" in line:
                    break
            seconds = time.perf_counter() - begin
            status = pathlib.Path(f"/proc/{process.pid}/status")  # Linux only
            peak = (
                _peak(status.read_text(encoding="utf-8"))
                if status.exists()
                else "not known"
            )
            process.kill()
    yield "dSprites 64×64, first step", f"{seconds:.0f} s", peak, "", "30 s, 2.5 GB"


def _peak(status: str) -> str:
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return f"{int(lines['VmHWM'].split()[0]) * 1024 / 1e9:.2f} GB at most"


def _cpuinfo() -> str:
    path = pathlib.Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _processor() -> str:
    return processor(_cpuinfo()) or f"{platform.processor()}, {os.cpu_count()} cores"


def extensions(text: str | None = None) -> str:
    r"""Vector extensions by which products round, from /proc/cpuinfo; or "".

    >>> extensions("model name : EPYC\nflags : fpu avx2 avx512f\n")
    'AVX2, AVX-512'
    """
    lines = (_cpuinfo() if text is None else text).splitlines()
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return ", ".join(label for flag, label in _EXTENSIONS.items() if flag in flags)


def processor(text: str) -> str:
    r"""Name, vector extensions and number of cores, from /proc/cpuinfo; or "".

    >>> processor("model name : EPYC\nflags : fpu avx2 avx512f\n")
    'EPYC with AVX2, AVX-512, 1 core'
    """
    lines = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    fields = {name.strip(): value.strip() for name, value in lines}
    if "model name" not in fields:
        return ""
    names = extensions(text)
    count = sum(name.strip() == "model name" for name, _ in lines)
    cores = f"{count} core{'s' * (count != 1)}"
    return f"{fields['model name']}{' with ' * bool(names)}{names}, {cores}"
