"""Parses the HLO text of a compiled program into a tree.

A line is an instruction: `%name = shape opcode(%operands), attributes`. Instructions
belong to computations, which fusions, loops and calls name.
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

_ARRAY = re.compile(r"\b([a-z]\w*)\[([\d,<=]*)\](\{[^{}]*\})?")
_HEAD = re.compile(r"(ENTRY )?%?([\w.\-]+)")
_BITS = re.compile(r"\d+")  # bits in the name of a type such as bf16
_NAMES = re.compile(r"%([\w.\-]+)")


class Instruction(NamedTuple):
    """One instruction."""

    name: str
    shape: str  # of the result, such as f32[8,64]{1,0}, or (…, …) for several
    opcode: str
    operands: tuple[str, ...]  # names of the operands
    inside: str  # the text between the parentheses
    attributes: str  # the text after the parentheses
    is_root: bool

    def attribute(self, name: str) -> str:
        """The value of `name=value`, without a leading %; "" if there is none."""
        match = re.search(rf"\b{name}=(\{{[^{{}}]*\}}|[^\s,]+)", self.attributes)
        return match[1].lstrip("%") if match else ""

    @property
    def called(self) -> tuple[str, ...]:
        """The computations that a fusion, call or conditional names."""
        if branches := self.attribute("branch_computations"):
            return tuple(_NAMES.findall(branches))
        names = ("calls", "to_apply", "true_computation", "false_computation")
        return tuple(name for name in map(self.attribute, names) if name)


Computation = dict[str, Instruction]  # instructions by name, in their order


class Module(NamedTuple):
    """A program."""

    computations: dict[str, Computation]
    entry: str


class ArrayShape(NamedTuple):
    """Type, extents and place of an array."""

    type: str  # as XLA calls it: f32, bf16, u8, pred
    dimensions: tuple[int, ...]
    on_chip: bool  # whether it lies in another memory than the device's main one

    @property
    def bytes(self) -> float:
        """The size of the array."""
        bits = 8 if self.type == "pred" else int(_BITS.findall(self.type)[0])
        return math.prod(self.dimensions) * bits / 8


def parse(text: str) -> Module:
    """Reads the text of a module.

    Raises:
        ValueError: If it has no entry.

    >>> module = parse('''HloModule m
    ... ENTRY %main (x: f32[2,3]) -> f32[2,3] {
    ...   %x = f32[2,3]{1,0} parameter(0)
    ...   ROOT %y = f32[2,3]{1,0} add(%x, %x)
    ... }''')
    >>> module.entry, module.computations["main"]["y"].operands
    ('main', ('x', 'x'))
    """
    computations: dict[str, Computation] = {}
    entry, current = "", None
    for line in text.splitlines():
        if line.startswith("HloModule"):
            continue
        if line and not line[0].isspace() and line.endswith("{"):
            head = _HEAD.match(line)
            assert head is not None
            current = computations.setdefault(head[2], {})
            entry = head[2] if head[1] else entry
        elif line.startswith("}"):
            current = None
        elif current is not None and " = " in line:
            instruction = _instruction(line)
            current[instruction.name] = instruction
    if not entry:
        raise ValueError(
            "a compiled program must have an entry; got a text without one."
        )
    return Module(computations, entry)


def arrays(shape: str) -> list[ArrayShape]:
    """The arrays of a shape, of which a tuple has several.

    >>> [(a.type, a.dimensions) for a in arrays("(f32[8,64]{1,0}, pred[])")]
    [('f32', (8, 64)), ('pred', ())]
    """
    return [
        ArrayShape(
            type,
            tuple(int(n.lstrip("<=")) for n in dimensions.split(",") if n),
            re.search(r"S\([1-9]", layout) is not None,
        )
        for type, dimensions, layout in _ARRAY.findall(shape)
        if type not in ("token", "opaque")
    ]


def trips(module: Module, loop: Instruction) -> int:
    """The number of iterations of a `while`; 0 if it is only known at run time.

    GPU programs say it. In TPU programs it is the constant that the counter is compared
    with, as JAX's loops count up from 0 by 1.
    """
    if match := re.search(r'known_trip_count"?:\{"?n"?:"?(\d+)', loop.attributes):
        return int(match[1])
    condition = module.computations[loop.attribute("condition")]
    root = next(one for one in condition.values() if one.is_root)
    if root.opcode != "compare" or root.attribute("direction") != "LT":
        return 0
    limit = condition[root.operands[1]]
    return int(limit.inside) if limit.opcode == "constant" else 0


def everywhere(module: Module) -> Iterator[Instruction]:
    """All instructions of a program."""
    for computation in module.computations.values():
        yield from computation.values()


def _instruction(line: str) -> Instruction:
    text = line.strip()
    is_root = text.startswith("ROOT ")
    name, _, rest = text.removeprefix("ROOT ").partition(" = ")
    end = _closing(rest, 0) + 1 if rest.startswith("(") else rest.index(" ")
    shape, rest = rest[:end], rest[end:].lstrip()
    opcode, _, rest = rest.partition("(")
    end = _closing("(" + rest, 0) - 1
    inside = rest[:end]
    return Instruction(
        name=name.lstrip("%"),
        shape=shape,
        opcode=opcode,
        operands=tuple(_NAMES.findall(inside)),
        inside=inside,
        attributes=rest[end + 1 :],
        is_root=is_root,
    )


def _closing(text: str, start: int) -> int:
    """The index of the parenthesis that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place
    raise ValueError(f"a line of HLO has an open parenthesis: {text[:100]}")
