"""What a command sets as JAX starts: its devices, its processes, its programs."""

import os
import socket
import sys

import jax
import jaxlib

from decomp.datasets.readers import cache
from experiments.system import signals

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


def use_float32() -> None:
    """Computes in float32, and says so if `$JAX_ENABLE_X64` asks for something else.

    Published tables are in float32; they do not depend on that variable.
    """
    if jax.config.jax_enable_x64:
        jax.config.update("jax_enable_x64", False)
        print("JAX_ENABLE_X64 is left aside: computed in float32.", file=sys.stderr)


def check_platform() -> None:
    """Starts JAX in float32 on the platform that it is told to take.

    Raises:
        ValueError: In one line, if that is not here, saying what is.
    """
    use_float32()
    try:
        jax.devices()
        return
    except (RuntimeError, AssertionError) as error:  # the latter without a GPU
        reason = " ".join(str(error).split()) or "there is no such processor"
    told = jax.config.jax_platforms
    jax.config.update("jax_platforms", "cpu" if not told else None)
    try:
        there = ", ".join(sorted({device.platform for device in jax.devices()}))
    except RuntimeError:
        there = "cpu"
    named = f"JAX_PLATFORMS={told} names" if told else "JAX finds"
    raise ValueError(
        f"{named} a platform that cannot be used here ({reason}); there is {there}, "
        f"which JAX_PLATFORMS={there} takes. An accelerator needs the extra cuda12, "
        "cuda13 or tpu."
    )


def keep_programs() -> None:
    """Keeps what is compiled for accelerators on disk, for the next start.

    Of one version of XLA. `$JAX_COMPILATION_CACHE_DIR` names another folder, and is
    read on CPUs too; there it is not the default, as loading a program may hang (once
    in about forty starts, jaxlib 0.10.2).
    """
    kept = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if kept or jax.default_backend() == "cpu":
        return
    path = cache.folder() / "programs" / f"jaxlib-{jaxlib.__version__}"
    jax.config.update("jax_compilation_cache_dir", str(path))


def leave_out_late_writes(error: "sys.UnraisableHookArgs") -> None:
    """A `sys.unraisablehook` without the writes that end after Orbax gave up on one.

    On a full disk TensorStore's threads print a traceback for each of them; the error
    of the first has a line of its own.
    """
    if str(error.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(error)


def resolves() -> bool:
    """Whether the name of this machine leads to an address."""
    try:
        socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return False
    return True


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
    signals.listen()  # it took SIGTERM for itself
    if not resolves():
        raise ValueError(
            "distributed=True expects that the name of this machine, "
            f"{socket.gethostname()}, leads to an address, by which its processes find "
            "each other; a line with it in /etc/hosts suffices."
        )
