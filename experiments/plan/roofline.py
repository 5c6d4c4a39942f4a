"""Roofline model of a training step: bytes, FLOPs and time of its kernels.

The kernels are those in the body of the training loop of the compiled program. The time
of a kernel is the larger of its bytes over the bandwidth and its FLOPs over the peak,
plus, on a GPU, the time to start it:

    t = Σ_kernels max(bytes / bandwidth, FLOPs / peak(precision)) + t_start

Bytes are those of operands and results in the main memory; if a kernel reads only a
part of an operand, only that part counts. FLOPs are those of products and convolutions,
twice the multiply-adds. On a TPU, copies run in parallel with the kernels. There a step
takes the sum of the cycles that XLA estimates for each kernel, or the time of all bytes
if that is more:

    t = max(Σ_kernels cycles / clock, Σ_kernels bytes / bandwidth)
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from experiments.plan import hlo
from experiments.plan.accelerators import Accelerator
from experiments.plan.hlo import ArrayShape, Computation, Instruction, Module

COLLECTIVES = ("all-reduce", "all-gather", "all-to-all", "reduce-scatter")
COLLECTIVES += ("collective-permute", "collective-broadcast")
# Instructions that are not kernels: other names for an array, or the end of a copy.
_FREE = {"parameter", "constant", "get-tuple-element", "tuple", "bitcast"}
_FREE |= {"after-all", "opt-barrier", "add-dependency", "partition-id", "replica-id"}
_ESTIMATED = {"fusion", "convolution"}  # opcodes for which XLA estimates TPU cycles
_PARTS = ("slice", "dynamic-slice", "gather")  # read a part of their first operand


class Kernel(NamedTuple):
    """A kernel, and how often a step starts it."""

    name: str
    opcode: str
    library: str  # the function of cuDNN, cuBLAS or CUB that it calls; "" for none
    bytes: float
    flops: float
    precision: str  # precision of its products: float32 | tf32 | bfloat16
    cycles: int  # XLA's estimate for a TPU; 0 if there is none
    times: int


class Step(NamedTuple):
    """The cost of a training step of all runs of a device."""

    kernels: int  # number of kernels that are started
    bytes: float
    flops: float
    seconds: float
    unestimated: int  # kernels without XLA's estimate, on a TPU


def step(module: Module, accelerator: Accelerator) -> Step:
    """Adds up the kernels of the training loop.

    Raises:
        ValueError: If the program has no loop whose number of iterations is an
            argument.
    """
    parts = list(kernels(module, accelerator.default_precision))
    moved = sum(kernel.times * kernel.bytes for kernel in parts)
    spent = sum(kernel.times * seconds(kernel, accelerator) for kernel in parts)
    unestimated = [k for k in parts if k.opcode in _ESTIMATED and not k.cycles]
    return Step(
        kernels=sum(kernel.times for kernel in parts),
        bytes=moved,
        flops=sum(kernel.times * kernel.flops for kernel in parts),
        seconds=max(spent, moved / accelerator.bandwidth),
        unestimated=sum(k.times for k in unestimated) if accelerator.clock else 0,
    )


def seconds(kernel: Kernel, accelerator: Accelerator) -> float:
    """The time of a kernel, at the peaks of the accelerator or by XLA's cycles."""
    if accelerator.clock:
        return kernel.cycles / accelerator.clock
    peak = accelerator.peaks[kernel.precision] if kernel.flops else math.inf
    work = max(kernel.bytes / accelerator.bandwidth, kernel.flops / peak)
    return work + accelerator.kernel_seconds


def collectives(module: Module) -> list[str]:
    """The kinds of collectives, by which devices communicate, in a program."""
    opcodes = {i.opcode.removesuffix("-start") for i in hlo.everywhere(module)}
    return sorted(opcodes.intersection(COLLECTIVES))


def kernels(module: Module, default: str = "tf32") -> Iterator[Kernel]:
    """The kernels of a training step.

    Args:
        module: A compiled program.
        default: The precision of a float32 product that does not name one.
    """
    body, times = max(
        _training_loops(module, module.entry, 1),
        key=lambda loop: sum(k.bytes for k in _walk(module, *loop, default)),
        default=("", 0),
    )
    if not body:
        raise ValueError(
            "a training program must have a loop whose number of steps is an argument; "
            "got a program without one."
        )
    yield from _walk(module, body, times, default)


def _training_loops(
    module: Module, computation: str, times: int
) -> Iterator[tuple[str, int]]:
    """Bodies of the outermost loops of unknown length, and how often each runs."""
    for instruction in module.computations[computation].values():
        if instruction.opcode == "while":
            body, turns = instruction.attribute("body"), hlo.trips(module, instruction)
            if not turns:
                yield body, times
            else:
                yield from _training_loops(module, body, times * turns)
        elif instruction.opcode in ("call", "conditional"):
            for called in instruction.called:
                yield from _training_loops(module, called, times)


def _walk(
    module: Module, computation: str, times: int, default: str
) -> Iterator[Kernel]:
    """The kernels of a computation and of its calls; loops count as often as known."""
    instructions = module.computations[computation]
    for instruction in instructions.values():
        opcode = instruction.opcode
        if opcode in _FREE or opcode.endswith(("-done", "-update")):
            continue
        if opcode == "while":
            turns = hlo.trips(module, instruction) or 1
            for part in ("condition", "body"):
                name = instruction.attribute(part)
                yield from _walk(module, name, times * turns, default)
        elif opcode == "call" and not _cycles(instruction):
            for called in instruction.called:
                yield from _walk(module, called, times, default)
        elif opcode == "conditional":
            branches = [
                list(_walk(module, called, times, default))
                for called in instruction.called
            ]
            yield from max(branches, key=lambda b: sum(k.bytes for k in b))
        else:
            yield _kernel(module, instructions, instruction, times, default)


def _kernel(
    module: Module,
    around: Computation,
    instruction: Instruction,
    times: int,
    default: str,
) -> Kernel:
    target = _target(instruction)
    flops, precision = _flops(module, around, instruction, default)
    return Kernel(
        name=instruction.name,
        opcode=instruction.opcode,
        library=target if target.startswith("__cu") else "",
        bytes=_bytes(module, around, instruction),
        flops=flops,
        precision=precision,
        cycles=_cycles(instruction),
        times=times,
    )


def _target(instruction: Instruction) -> str:
    """The target of a custom call; "" for another instruction."""
    return instruction.attribute("custom_call_target").strip('"')


def _cycles(instruction: Instruction) -> int:
    match = re.search(r'"estimated_cycles":"(\d+)"', instruction.attributes)
    return int(match[1]) if match else 0


def _size(arrays: Iterable[ArrayShape]) -> float:
    return sum(array.bytes for array in arrays if not array.on_chip)


def _bytes(module: Module, around: Computation, instruction: Instruction) -> float:
    """Bytes that a kernel reads from the main memory and writes to it."""
    results = hlo.arrays(instruction.shape)
    names = instruction.operands
    operands = [hlo.arrays(around[name].shape) for name in names]
    if instruction.opcode in ("fusion", "async-start") and instruction.called:
        inner = module.computations[instruction.called[0]]
        return _bytes_of_fusion(inner, operands, results)
    if instruction.opcode in _PARTS:  # the part that it reads, and the indices
        return 2 * _size(results) + sum(map(_size, operands[1:]))
    if instruction.opcode == "dynamic-update-slice":
        return 2 * _size(operands[1]) + sum(map(_size, operands[2:]))
    if instruction.opcode == "copy-start":
        results = results[:1]  # the others alias its operand
    once = dict(zip(names, operands, strict=True)).values()
    return _size(results) + sum(map(_size, once))


def _bytes_of_fusion(
    inner: Computation, operands: list[list[ArrayShape]], results: list[ArrayShape]
) -> float:
    parameters = {
        int(instruction.inside): name
        for name, instruction in inner.items()
        if instruction.opcode == "parameter"
    }
    inputs = sum(
        _taken(inner, parameters[place], _size(arrays))
        for place, arrays in enumerate(operands)
        if place in parameters
    )
    root = next(instruction for instruction in inner.values() if instruction.is_root)
    parts = [inner[name] for name in root.operands] if root.opcode == "tuple" else []
    outputs = 0.0
    for part, result in zip(parts or [root], results, strict=False):
        if part.opcode == "dynamic-update-slice":  # it updates in place
            outputs += _size(hlo.arrays(inner[part.operands[1]].shape))
        else:
            outputs += _size([result])
    return inputs + outputs


def _taken(inner: Computation, name: str, whole: float) -> float:
    """Bytes of an operand that a fusion reads."""
    total = 0.0
    for user in [i for i in inner.values() if name in i.operands]:
        if user.opcode == "bitcast":
            total += _taken(inner, user.name, whole)
        elif user.opcode in _PARTS and user.operands[0] == name:
            total += _size(hlo.arrays(user.shape))
        elif user.opcode != "dynamic-update-slice" or user.operands[0] != name:
            return whole
    return min(total, whole)


def _flops(
    module: Module, around: Computation, instruction: Instruction, default: str
) -> tuple[float, str]:
    """FLOPs of products and convolutions, and the precision of most of them."""
    target = _target(instruction)
    precision = _precision(around, instruction, default)
    if instruction.opcode == "dot" or target.startswith("__cublas"):
        return _flops_of_product(around, instruction), precision
    if instruction.opcode == "convolution" or target.startswith("__cudnn$conv"):
        return _flops_of_convolution(around, instruction, target), precision
    if instruction.opcode not in ("fusion", "call", "async-start"):
        return 0.0, precision
    parts = [
        _flops(module, module.computations[called], inner, default)
        for called in instruction.called
        for inner in module.computations[called].values()
    ]
    most = max(parts, key=lambda part: part[0], default=(0.0, precision))
    return sum(flops for flops, _ in parts), most[1]


def _flops_of_product(around: Computation, instruction: Instruction) -> float:
    names = r'lhs_contracting_dim(?:ension)?s"?[=:][\[{]"?([\d,"]*)'
    match = re.search(names, instruction.attributes)
    places = [int(n) for n in re.findall(r"\d+", match[1])] if match else []
    left = hlo.arrays(around[instruction.operands[0]].shape)[0].dimensions
    result = hlo.arrays(instruction.shape)[0].dimensions
    return 2.0 * math.prod(result) * math.prod(left[place] for place in places)


def _flops_of_convolution(
    around: Computation, instruction: Instruction, target: str
) -> float:
    arrays = [hlo.arrays(around[n].shape)[0] for n in instruction.operands[:2]]
    first, second = (array.dimensions for array in arrays)
    result = hlo.arrays(instruction.shape)[0].dimensions
    # The labels of cuDNN's gradients are those of the convolution they differentiate.
    image, kernel, output = first, second, result
    if "BackwardInput" in target:
        image, output = result, first
    elif "BackwardFilter" in target:
        kernel, output = result, second
    labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", instruction.attributes)
    assert labels is not None
    groups = int(instruction.attribute("feature_group_count") or 1)
    groups *= int(instruction.attribute("batch_group_count") or 1)
    window = _window(instruction, len(labels[1]) - 2)
    positions = 1
    for axis in range(len(labels[1]) - 2):
        extents = [
            shape[label.index(str(axis))]
            for shape, label in (
                (image, labels[1]),
                (kernel, labels[2]),
                (output, labels[3]),
            )
        ]
        positions *= _positions(*extents, **{k: v[axis] for k, v in window.items()})
    batch, channels = image[labels[1].index("b")], image[labels[1].index("f")]
    features = output[labels[3].index("f")]
    return 2.0 * positions * batch * channels * features / groups


def _window(instruction: Instruction, axes: int) -> dict[str, list[int]]:
    """Stride, padding at the low end, and dilations of each spatial axis."""
    text = instruction.attribute("window")

    def values(name: str, usual: int) -> list[int]:
        match = re.search(rf"\b{name}=(\S+?)[\s}}]", text)
        if not match:
            return [usual] * axes
        return [int(part.partition("_")[0]) for part in match[1].split("x")]

    return {
        "stride": values("stride", 1),
        "pad": values("pad", 0),
        "dilation": values("lhs_dilate", 1),
        "spread": values("rhs_dilate", 1),
    }


def _positions(
    image: int,
    kernel: int,
    output: int,
    *,
    stride: int,
    pad: int,
    dilation: int,
    spread: int,
) -> int:
    """The number of pairs of an output and a tap that hit a pixel, not padding."""
    start = np.arange(output)[:, None] * stride - pad
    place = start + np.arange(kernel) * spread
    inside = (place >= 0) & (place <= (image - 1) * dilation)
    return int(np.sum(inside & (place % dilation == 0)))


def _precision(around: Computation, instruction: Instruction, default: str) -> str:
    """The precision of the factors of a product."""
    types = {
        array.type
        for name in instruction.operands[:2]
        if name in around
        for array in hlo.arrays(around[name].shape)
    }
    text = instruction.attributes.lower()
    if types & {"bf16", "f16"} or "bf16_bf16_f32" in text:
        return "bfloat16"
    if "tf32_tf32_f32" in text:
        return "tf32"
    match = re.search(r'operand_precision"?[=:][\[{]"?high|f32_f32_f32', text)
    return "float32" if match else default
