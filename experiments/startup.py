"""What a command sets before JAX starts: its devices, its processes, its programs."""

import hashlib
import os
import pathlib
import platform

import jax
import jaxlib

from decomp.datasets import cache

_HEARTBEAT = 30  # seconds after which a process that is silent counts as lost


def use_cores() -> int:
    """Makes every core of the CPU a device, before JAX starts; returns their number.

    XLA:CPU runs a loop on one core: the cores work in parallel as devices. There are
    two at least, as a program for one is compiled by other passes and rounds otherwise.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    if not os.environ.get("JAX_NUM_CPU_DEVICES"):
        jax.config.update("jax_num_cpu_devices", max(2, cores))
    return cores


def keep_programs() -> None:
    """Keeps compiled programs on disk for the next start, before JAX starts.

    They are machine code: of one version of XLA, for processors alike.
    `$JAX_COMPILATION_CACHE_DIR` names another folder. A damaged entry is compiled anew.
    """
    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    info = pathlib.Path("/proc/cpuinfo")  # Linux only
    lines = info.read_text().splitlines() if info.exists() else [platform.processor()]
    kinds = sorted({line for line in lines if line.startswith(("model name", "flags"))})
    of = hashlib.sha256("\n".join([jaxlib.__version__, *kinds]).encode()).hexdigest()
    path = cache.folder() / "programs" / of[:16]
    jax.config.update("jax_compilation_cache_dir", str(path))


def connect() -> None:
    """Joins the processes of a job of SLURM, Kubernetes, Cloud TPU or MPI.

    Raises:
        ValueError: In one line, if there is no such job or it cannot be joined.
    """
    try:
        jax.distributed.initialize(heartbeat_timeout_seconds=_HEARTBEAT)
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            "distributed=True expects a job of several processes, by SLURM, "
            f"Kubernetes, Cloud TPU or Open MPI; got: {error}"
        ) from None
