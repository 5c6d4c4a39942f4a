"""The runs axis: compiles a function of one run for many runs.

Runs never communicate. A device computes its runs either at once by `vmap`
(accelerators) or one after another (CPU cores, where a network then stays in the cache
and no product is batched). Several devices divide the runs evenly. `decomp.fit` and the
sweeps of `experiments` use these functions.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, PartitionSpec

LAYOUTS = ("auto", "mapped", "vmapped")

RUNS = PartitionSpec("run")  # for arrays with a leading axis [R]
SHARED = PartitionSpec()  # for arrays that all runs read


def is_vmapped(layout: str, platform: str) -> bool:
    """Whether a device of a platform computes its runs at once.

    Args:
        layout: One of `LAYOUTS`; "auto" maps runs on CPUs and vmaps them elsewhere.
        platform: Platform of the device, such as "cpu".

    >>> is_vmapped("auto", "cpu"), is_vmapped("auto", "gpu")
    (False, True)
    """
    return layout == "vmapped" or layout == "auto" and platform != "cpu"


def over(devices: Sequence[Any]) -> Mesh:
    """The mesh of devices over which the runs axis is divided."""
    return jax.make_mesh(
        (len(devices),), ("run",), axis_types=(AxisType.Auto,), devices=devices
    )


def over_runs(
    function: Callable,
    mesh: Mesh,
    *,
    mapped: int,
    shared: int,
    vmapped: bool,
    donate: tuple[int, ...] = (),
    brief: bool = False,
) -> Any:
    """Compiles a function of one run into a function of R runs.

    Args:
        function: Takes `mapped` arguments of one run, then `shared` arguments that all
            runs have in common.
        mesh: Devices, whose number divides R.
        mapped: Number of arguments whose leaves get a leading axis `[R]`.
        shared: Number of arguments that all runs share.
        vmapped: Whether a device computes its runs at once, or one after another.
        donate: Indices of arguments whose memory may be reused.
        brief: Whether the function runs in less time than a full optimisation takes
            to compile.

    Returns:
        A jitted function; outputs have a leading axis `[R]`.
    """

    def on_device(*arguments: Any) -> Any:
        common = arguments[mapped:]
        if vmapped:
            axes = (0,) * mapped + (None,) * shared
            return jax.vmap(function, axes)(*arguments)
        return jax.lax.map(lambda one: function(*one, *common), arguments[:mapped])

    sharded = jax.shard_map(
        on_device,
        mesh=mesh,
        in_specs=(RUNS,) * mapped + (SHARED,) * shared,
        out_specs=RUNS,
        check_vma=False,
    )
    # If each core is a device, multi-threaded products slow each other down (by a
    # seventh, measured), and their sums depend on the number of threads.
    cpu = mesh.devices.flat[0].platform == "cpu"
    options: dict[str, Any] = {}
    if cpu and mesh.size > 1:
        options["xla_cpu_multi_thread_eigen"] = False
    if cpu and brief:
        options["xla_backend_optimization_level"] = (
            1  # of 3; results have the same bits
        )
    return jax.jit(sharded, donate_argnums=donate, compiler_options=options or None)
