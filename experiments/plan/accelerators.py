"""The accelerators for which a sweep can be planned, and their descriptions for XLA.

XLA compiles for an absent device from a description: facts about the chip for NVIDIA
GPUs, and the name of a topology for TPUs. Peaks and bandwidths are those of the
vendors' data sheets, for dense products; openxla/xla publishes the facts about GPUs
under xla/backends/gpu/target_config/specs.
"""

import importlib.metadata
import importlib.util
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
from jax.experimental import topologies

_GIB = 2**30


class Chip(NamedTuple):
    """Facts about an NVIDIA GPU, by which XLA chooses tiles and layouts."""

    name: str
    capability: int  # major version of the compute capability
    cores: int
    fpus: int  # per core
    shared_memory: int  # bytes per core
    shared_memory_of_block: int  # bytes that a block may have
    cache: int  # bytes of L2
    clock: float  # GHz
    matrix_clock: float = 0.0  # GHz of the matrix units; 0 leaves their rates out


class Accelerator(NamedTuple):
    """The facts about a device that a plan needs."""

    label: str
    backend: str  # gpu | tpu
    memory: int  # bytes that JAX may take
    bandwidth: float  # bytes/s of the memory
    peaks: Mapping[str, float]  # FLOP/s of products by precision
    kernel_seconds: float = 0.0  # to start a kernel
    clock: float = 0.0  # Hz of XLA's cycles, for a TPU
    chip: Chip | None = None  # for a GPU
    topology: str = ""  # for TPUs
    slice: str = ""  # TPU_ACCELERATOR_TYPE of the topology

    @property
    def default_precision(self) -> str:
        """The precision of a float32 product that does not name one."""
        return "tf32" if self.backend == "gpu" else "bfloat16"


def _gpu(
    chip: Chip, memory: int, bandwidth: float, float32: float, tf32: float
) -> Accelerator:
    peaks = {"float32": float32, "tf32": tf32, "bfloat16": 2 * tf32}
    # By default JAX takes three quarters of a GPU's memory.
    return Accelerator(
        label=f"NVIDIA {chip.name}",
        backend="gpu",
        memory=memory * 3 // 4,
        bandwidth=bandwidth,
        peaks=peaks,
        kernel_seconds=2e-6,
        chip=chip,
    )


def _tpu(
    name: str, shape: str, slice: str, gib: float, bandwidth: float, peak: float
) -> Accelerator:
    # A float32 product is six bfloat16 products (`Precision.HIGHEST`).
    peaks = {"float32": peak / 6, "bfloat16": peak}
    return Accelerator(
        label=f"TPU {name}",
        backend="tpu",
        memory=int(gib * _GIB),
        bandwidth=bandwidth,
        peaks=peaks,
        clock=1.5e9 if name == "v5e" else 1.75e9,
        topology=f"{name}:{shape}",
        slice=slice,
    )


_HOPPER = Chip(
    "H100 SXM, 80 GB", 9, 132, 128, 233_472, 232_448, 52_428_800, 1.98, 1.8295201
)
_AMPERE = Chip("A100 SXM, 80 GB", 8, 108, 64, 167_936, 166_912, 41_943_040, 1.41)

# Accelerators by the value of --device.
ACCELERATORS = {
    "h100": _gpu(_HOPPER, 84_942_979_072, 3.352e12, 67e12, 494.7e12),
    "h200": _gpu(
        _HOPPER._replace(name="H200 SXM, 141 GB"),
        *(151_397_597_184, 4.8e12, 67e12, 494.7e12),
    ),
    "a100": _gpu(_AMPERE, 85_100_068_864, 2.039e12, 19.5e12, 156e12),
    "v5e": _tpu("v5e", "2x2", "v5litepod-4", 15.75, 0.819e12, 197e12),
    "v5p": _tpu("v5p", "2x2x1", "v5p-8", 95.7, 2.765e12, 459e12),
    "v6e": _tpu("v6e", "2x2", "v6e-4", 31.2, 1.64e12, 918e12),
}


def devices(accelerator: Accelerator) -> list[Any]:
    """At least two devices of the kind to compile for; they need not exist.

    Raises:
        ValueError: One line that says what to install, where XLA's compiler for the
            device is missing.
    """
    if reason := missing(accelerator):
        raise ValueError(reason)
    try:
        topology = _tpus(accelerator) if accelerator.topology else _gpus(accelerator)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(
            f"XLA's compiler for {accelerator.label} does not start: {reason}; it "
            f"should be that of jax {jax.__version__}."
        ) from error
    return list(topology.devices)


def _tpus(accelerator: Accelerator) -> topologies.TopologyDescription:
    os.environ |= {
        "TPU_SKIP_MDS_QUERY": "1",  # do not ask a server which TPU this is
        "TPU_ACCELERATOR_TYPE": accelerator.slice,
        "TPU_WORKER_HOSTNAMES": "localhost",
        "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    }
    return topologies.get_topology_desc(
        platform="tpu", topology_name=accelerator.topology
    )


def _gpus(accelerator: Accelerator) -> topologies.TopologyDescription:
    os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"  # as there is no driver
    return topologies.get_topology_desc(
        "", "cuda", target_config=description(accelerator), topology="1x1x2"
    )


def missing(accelerator: Accelerator) -> str:
    """The command that installs a device's compiler, in one line; "" if installed."""
    version = jax.__version__
    if accelerator.backend == "tpu":
        requirements = [
            text.partition(";")[0].strip()
            for text in importlib.metadata.requires("jax") or []
            if text.startswith("libtpu")
        ]
        there, packages, extra = _is_there("libtpu"), f"'{requirements[0]}'", "tpu"
    else:
        there = any(
            _is_there(f"jax_cuda{major}_plugin")
            and _is_there(f"jax_plugins.xla_cuda{major}")
            for major in (12, 13)
        )
        packages = f"jax-cuda12-pjrt=={version} jax-cuda12-plugin=={version}"
        extra = "cuda12"
    if there:
        return ""
    return (
        f"to compile for {accelerator.label} without one, run `.venv/bin/python -m pip "
        f"install --no-deps --target=.venv/xla {packages}` and put "
        "PYTHONPATH=.venv/xla in front of this command; it needs no driver. The extra "
        f"{extra} has it too."
    )


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False


# Operations per clock of a scalar and of a matrix unit, by XLA's number of the type: 4
# is int32, 10 float16, 11 float32, 12 float64, 16 bfloat16; other types have at most 8
# bits.
_SCALAR = {4: (64, 1), 8: (64, 1), 10: (128, 2), 11: (128, 1), 12: (64, 1)}
_SCALAR |= {16: (128, 2)}
_MATRIX = {2: 1024, 6: 1024, 10: 512, 11: 256, 16: 512}
_MATRIX |= dict.fromkeys((19, 20, 23, 24, 25, 28, 29, 33, 35, 36), 1024)


def description(accelerator: Accelerator) -> str:
    """A GPU as the text of XLA's `GpuTargetConfigProto`."""
    chip = accelerator.chip
    assert chip is not None
    accelerated = "ACCELERATED_FEATURES" if chip.capability >= 9 else "NONE"
    facts: dict[str, Any] = {
        "threads_per_block_limit": 1024,
        "threads_per_warp": 32,
        "shared_memory_per_block": 49_152,
        "shared_memory_per_core": chip.shared_memory,
        "shared_memory_per_block_optin": chip.shared_memory_of_block,
        "threads_per_core_limit": 2048,
        "core_count": chip.cores,
        "fpus_per_core": chip.fpus,
        "block_dim_limit_x": 2**31 - 1,
        "block_dim_limit_y": 65_535,
        "block_dim_limit_z": 65_535,
        "thread_dim_limit_x": 1024,
        "thread_dim_limit_y": 1024,
        "thread_dim_limit_z": 64,
        "registers_per_core_limit": 65_536,
        "registers_per_block_limit": 65_536,
        "memory_bandwidth": int(accelerator.bandwidth),
        "device_memory_size": accelerator.memory * 4 // 3,
        "l2_cache_size": chip.cache,
        "clock_rate_ghz": chip.clock,
        "device_address_bits": 64,
        "runtime_version": '"12.8.0"',
        "driver_version": '"12.8.0"',
        "compile_time_toolkit_version": '"12.8.0"',
        "dnn_version": '"9.10.0"',
        "name": f'"{accelerator.label}"',
        "cuda_compute_capability": f"{{ major: {chip.capability} "
        f"feature_extension: {accelerated} }}",
    }
    rates = _rates(chip) if chip.matrix_clock else ""
    listed = "".join(f"  {name}: {value}\n" for name, value in facts.items())
    return (
        f'gpu_device_info {{\n{listed}{rates}}}\nplatform_name: "CUDA"\n'
        "dnn_version_info { major: 9 minor: 10 patch: 0 }\n"
        f'device_description_str: "{accelerator.label}"\n'
    )


def _rates(chip: Chip) -> str:
    def unit(name: str, rows: Mapping[int, tuple[float, int, int]]) -> str:
        infos = "".join(
            f"rate_infos {{ key: {key} value {{ clock_rate_ghz: {clock} "
            f"units_per_core: {units} ops_per_clock: {operations} }} }} "
            for key, (clock, units, operations) in rows.items()
        )
        return f"  {name}_unit_description {{ {infos}}}\n"

    scalar = {key: (chip.clock, *rate) for key, rate in _SCALAR.items()}
    matrix = {key: (chip.matrix_clock, 4, rate) for key, rate in _MATRIX.items()}
    matrix[12] = (chip.clock, 4, 32)
    return unit("scalar", scalar) + unit("matrix", matrix)
