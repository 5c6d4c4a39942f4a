"""The runs axis: lays out runs, and compiles a function of one run for many runs.

Runs never communicate. They are trained in blocks that fit the memory, and several
devices divide a block evenly. A device computes its runs either at once by `vmap`
(accelerators) or one after another (CPU cores, where a network then stays in the cache
and no product is batched). `decomp.fit` and the sweeps of `experiments` use these
functions.
"""

import functools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

LAYOUTS = ("auto", "mapped", "vmapped")
# Runs of the program whose memory predicts that of a block: enough to outweigh what all
# runs share, but few enough to fit any device.
CALIBRATED = 8

RUNS = PartitionSpec("run")  # for arrays with a leading axis [R]
SHARED = PartitionSpec()  # for arrays that all runs read

_LARGEST_ON_CPU = 100  # runs of a block on CPUs, where larger blocks gain nothing
_UNKNOWN = 8 << 30  # bytes of memory where the system does not say how many there are


class Plan(NamedTuple):
    """How runs are laid out: in blocks, each divided evenly over the devices."""

    mesh: Mesh
    block: int  # runs trained together, a multiple of the devices
    vmapped: bool  # whether a device computes its runs at once, or one after another


def lay_out(
    advance: Callable,
    shapes: Callable[[int], tuple[Any, ...]],
    num_runs: int,
    *,
    block: int = 0,
    layout: str = "auto",
    **options: Any,
) -> Plan:
    """Lays out the runs of a training, by the memory that they take and that there is.

    Args:
        advance: Training of one run, from `training.make`.
        shapes: Shapes of the arguments of `advance` for a number of runs, see
            `training.shapes`.
        num_runs: Number of runs R.
        block: The largest number of runs in a block; 0 takes as many as fit.
        layout: One of `LAYOUTS`.
        **options: `devices` and `most` of `plan`.
    """
    need = (0, 0) if block else measured(advance, shapes, num_runs, layout=layout)
    return plan(
        num_runs,
        bytes_per_run=need[0],
        memory=need[1],
        block=block,
        layout=layout,
        **options,
    )


def plan(
    num_runs: int,
    *,
    devices: Sequence[Any],
    bytes_per_run: int = 0,
    memory: int = 0,
    block: int = 0,
    layout: str = "auto",
    most: int = 0,
) -> Plan:
    """Lays out runs over devices.

    Args:
        num_runs: Number of runs R.
        devices: Devices that divide a block evenly, all of one platform.
        bytes_per_run: Memory that one run takes while it trains, see `measured`.
        memory: Memory of one device that runs may fill; on CPUs, of all devices.
        block: The largest number of runs in a block; 0 takes as many as fit.
        layout: One of `LAYOUTS`.
        most: The largest number of runs that a device trains together if `block` is 0;
            0 for no limit.
    """
    platform = devices[0].platform
    size = block_size(
        num_runs,
        devices=len(devices),
        platform=platform,
        bytes_per_run=bytes_per_run,
        memory=memory,
        block=block,
        most=most,
    )
    return Plan(over(devices), size, is_vmapped(layout, platform))


def block_size(
    num_runs: int,
    *,
    devices: int,
    platform: str,
    bytes_per_run: int,
    memory: int,
    block: int = 0,
    most: int = 0,
) -> int:
    """The number of runs of a block, a multiple of the number of devices.

    Blocks have about the same size, as the last one is padded to the size of the
    others. Arguments are those of `plan`, with the number of devices and their
    platform.

    >>> options = {"devices": 2, "platform": "cpu", "bytes_per_run": 10}
    >>> block_size(7, memory=1000, **options), block_size(7, memory=60, **options)
    (8, 4)
    """
    if not block:
        fits = max(1, memory // max(bytes_per_run, 1))
        fits = min(fits, most) if most else fits
        on_cpu = platform == "cpu"
        block = min(fits, _LARGEST_ON_CPU) if on_cpu else fits * devices
    block = max(devices, block // devices * devices)
    blocks = math.ceil(num_runs / block)
    return math.ceil(num_runs / blocks / devices) * devices


def measured(
    advance: Callable,
    shapes: Callable[[int], tuple[Any, ...]],
    num_runs: int,
    *,
    layout: str = "auto",
) -> tuple[int, int]:
    """The memory that a run takes, and the memory there is, in bytes.

    Args:
        advance: Training of one run, as for `lay_out`.
        shapes: Shapes of its arguments, as for `lay_out`.
        num_runs: Number of runs R.
        layout: One of `LAYOUTS`.

    Returns:
        `bytes_per_run` and `memory` of `plan`, for the devices of this process.
    """
    device = jax.local_devices()[0]
    if is_vmapped(layout, device.platform):
        arguments = shapes(min(num_runs, CALIBRATED))
        per_run = math.ceil(vmapped_bytes(advance, arguments, device))
    else:
        # Beside its state there are a gradient, updates and the activations of one run.
        per_run = 3 * nbytes(shapes(1)[0])
    if device.platform == "cpu":
        return per_run, _memory_of_host() // 2
    limit = (device.memory_stats() or {}).get("bytes_limit", _UNKNOWN)
    return per_run, room(limit, nbytes(shapes(1)[3]))


def vmapped_bytes(advance: Callable, arguments: Sequence[Any], device: Any) -> float:
    """Bytes of memory that each of some vmapped runs takes while it trains.

    This is the memory of the compiled program, which includes states, activations and
    temporaries, but not the data.

    Args:
        advance: Training of one run, from `training.make`.
        arguments: Shapes of the arguments of `advance` for R runs.
        device: Device that the program is compiled for, which may be absent.
    """
    mesh = over([device])
    program = over_runs(advance, mesh, mapped=3, shared=2, vmapped=True)
    shapes = placed(mesh, arguments, mapped=3)
    memory = program.lower(*shapes).compile().memory_analysis()
    own = memory.argument_size_in_bytes - nbytes(arguments[3])
    count = len(jax.tree.leaves(arguments[1])[0])
    return (own + memory.output_size_in_bytes + memory.temp_size_in_bytes) / count


def room(limit: int, data: int) -> int:
    """Bytes of an accelerator that runs may fill.

    Args:
        limit: Bytes that JAX may take.
        data: Bytes of the data that all runs read.

    >>> room(1000, 100)
    600
    """
    return int(0.8 * limit) - 2 * data


def nbytes(tree: Any) -> int:
    """Bytes of all arrays of a tree, or of their shapes.

    >>> import numpy as np
    >>> nbytes({"a": np.zeros((2, 3), np.float32), "b": np.zeros((), np.int8)})
    25
    """
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


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


def placed(mesh: Mesh, arguments: Sequence[Any], *, mapped: int) -> tuple[Any, ...]:
    """Shapes of the arguments of a program for devices that may be absent.

    Args:
        mesh: The devices.
        arguments: Trees of shapes; the first `mapped` have a leading axis `[R]`.
        mapped: Number of arguments with the runs axis.
    """

    def placed_by(spec: PartitionSpec) -> Callable[[Any], Any]:
        sharding = NamedSharding(mesh, spec)
        return lambda leaf: jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=sharding
        )

    specs = [RUNS] * mapped + [SHARED] * (len(arguments) - mapped)
    pairs = zip(specs, arguments, strict=True)
    return tuple(jax.tree.map(placed_by(spec), argument) for spec, argument in pairs)


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
        return jax.lax.map(lambda run: function(*run, *common), arguments[:mapped])

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
    flags: dict[str, Any] = {}
    if cpu and mesh.size > 1:
        flags["xla_cpu_multi_thread_eigen"] = False
    if cpu and brief:
        # The default level is 3; the results have the same bits.
        flags["xla_backend_optimization_level"] = 1
    options = compiler_options(flags)
    return jax.jit(sharded, donate_argnums=donate, compiler_options=options)


def compiler_options(wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """The options of XLA that this version has, for `jax.jit`; None if there are none.

    >>> compiler_options({"xla_backend_optimization_level": 1, "xla_no_such_option": 1})
    {'xla_backend_optimization_level': 1}
    """
    return {name: v for name, v in wanted.items() if _exists(name, v)} or None


@functools.cache
def _exists(option: str, value: Any) -> bool:
    """Whether XLA has a compiler option; later versions drop some and refuse them."""
    try:
        jax.jit(lambda: 0, compiler_options={option: value}).lower().compile()
    except jax.errors.JaxRuntimeError:
        return False
    return True


def _memory_of_host() -> int:
    """Bytes of memory of this machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError):  # not a Unix system
        return _UNKNOWN
