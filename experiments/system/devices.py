"""The settings with which JAX starts: devices, processes, compilation cache."""

import os
import socket
import sys

import jax
import jaxlib

from decomp.datasets.readers import cache
from experiments.system import signals

_HEARTBEAT = 30  # seconds after which a silent process counts as lost


def use_cores() -> int:
    """Makes every CPU core a device, before JAX starts; returns their number.

    XLA:CPU runs a loop on one core, so that cores work in parallel only as devices.
    There are at least two, as a program for one device is compiled differently and
    rounds differently.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    if not os.environ.get("JAX_NUM_CPU_DEVICES"):
        jax.config.update("jax_num_cpu_devices", max(2, cores))
    return cores


def use_float32() -> None:
    """Selects float32, with a message if `$JAX_ENABLE_X64` asks for float64.

    The published tables are computed in float32, and so must not depend on the
    variable.
    """
    if jax.config.jax_enable_x64:
        jax.config.update("jax_enable_x64", False)
        line = "JAX_ENABLE_X64 is ignored: commands compute in float32."
        print(line, file=sys.stderr)


def check_platform() -> None:
    """Starts JAX in float32 on the platform that its environment names.

    Raises:
        ValueError: One line, if this platform does not exist; it names one that does.
    """
    use_float32()
    try:
        jax.devices()
        return
    except (RuntimeError, AssertionError) as error:  # AssertionError if there is no GPU
        reason = " ".join(str(error).split()) or "there is no such processor"
    platforms = jax.config.jax_platforms
    jax.config.update("jax_platforms", "cpu" if not platforms else None)
    try:
        there = ", ".join(sorted({device.platform for device in jax.devices()}))
    except RuntimeError:
        there = "cpu"
    named = f"JAX_PLATFORMS={platforms} names" if platforms else "JAX finds"
    raise ValueError(
        f"{named} a platform that cannot be used here ({reason}); there is {there}, "
        f"which JAX_PLATFORMS={there} takes. An accelerator needs the extra cuda12, "
        "cuda13 or tpu."
    )


def keep_programs() -> None:
    """Caches programs for accelerators on disk, for the next start.

    A program is used by the same version of XLA only. `$JAX_COMPILATION_CACHE_DIR`
    names another folder, and enables the cache on CPUs too; there it is off by default,
    as loading a program may hang (once in about forty starts, with jaxlib 0.10.2).
    """
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if folder or jax.default_backend() == "cpu":
        return
    path = cache.folder() / "programs" / f"jaxlib-{jaxlib.__version__}"
    jax.config.update("jax_compilation_cache_dir", str(path))


def leave_out_late_writes(error: "sys.UnraisableHookArgs") -> None:
    """A `sys.unraisablehook` that ignores writes which fail after Orbax gave up.

    On a full disk TensorStore's threads would print a traceback for each of them; the
    first error is reported in one line elsewhere.
    """
    if str(error.exc_value) != "Event loop is closed":
        sys.__unraisablehook__(error)


def resolves() -> bool:
    """Whether the name of this machine resolves to an address."""
    try:
        socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return False
    return True


def connect() -> None:
    """Joins the processes of a SLURM, Kubernetes, Cloud TPU or MPI job.

    Raises:
        ValueError: One line, if there is no such job or it cannot be joined.
    """
    try:
        jax.distributed.initialize(heartbeat_timeout_seconds=_HEARTBEAT)
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            "distributed=True needs a job of several processes, by SLURM, "
            f"Kubernetes, Cloud TPU or Open MPI; got: {error}"
        ) from None
    signals.listen()  # JAX has set its own handler of SIGTERM
    if not resolves():
        raise ValueError(
            "distributed=True needs an address for the name of this machine, "
            f"{socket.gethostname()}, by which its processes find each other; a line "
            "in /etc/hosts suffices."
        )
