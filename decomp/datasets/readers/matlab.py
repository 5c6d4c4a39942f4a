"""Arrays of bytes in untrusted files of MATLAB 5 to 7.

A file is a header of 128 bytes and then elements. An element is a type, a size and that
many bytes, padded to a multiple of eight. A matrix is an element that holds others: its
flags, its extents, its name and its values, column by column. A compressed element is
expanded no further than the wanted array can need. MATLAB 7.3 writes HDF5 instead.

Source: MAT-File Format, The MathWorks, R2015b, ch. 1.
"""

import math
import zlib
from collections.abc import Iterator

import numpy as np

_HEADER = 128  # bytes
_ORDERS = {b"IM": "<", b"MI": ">"}  # byte order by the last bytes of the header
_BYTES, _INTEGERS, _MATRIX, _COMPRESSED = 2, 5, 14, 15  # types of elements
_CLASS = 9  # the class of matrices of uint8
_SPARE = 2**12  # bytes that a matrix may have besides its values

Element = tuple[int, bytes]  # type and content


def array(content: bytes, name: str, *, shape: tuple[int, ...]) -> np.ndarray:
    """Reads an array by its name.

    Args:
        content: The bytes of the file.
        name: The variable's name.
        shape: The shape that the array must have.

    Returns:
        uint8 of this shape, in MATLAB's order: the first axis varies fastest.

    Raises:
        ValueError: If there is no such array, or it has another type or shape.
    """
    order = _ORDERS.get(content[_HEADER - 2 : _HEADER])
    if order is None or content.startswith(b"MATLAB 7.3"):
        raise ValueError("expected a file of MATLAB 5 to 7; got another")
    most = math.prod(shape) + _SPARE
    for kind, data in _elements(content[_HEADER:], order):
        if kind == _COMPRESSED:
            expanded = zlib.decompressobj().decompress(data, most)
            kind, data = next(_elements(expanded, order), (0, b""))
        if kind == _MATRIX:
            values = _matrix(data, order, name, shape)
            if values is not None:
                return values
    raise ValueError(f"expected an array {name}; got none")


def _matrix(
    data: bytes, order: str, name: str, shape: tuple[int, ...]
) -> np.ndarray | None:
    """The values of a matrix, or None if it has another name."""
    parts = _elements(data, order)
    try:
        (_, flags), (kind, extents), (_, text) = (next(parts) for _ in range(3))
    except StopIteration:
        return None
    if text != name.encode():
        return None
    declared = ()
    if kind == _INTEGERS and len(extents) % 4 == 0:
        declared = tuple(np.frombuffer(extents, f"{order}i4").tolist())
    number = int(np.frombuffer(flags[:4], f"{order}u4")[0]) & 0xFF if flags else 0
    kind, values = next(parts, (0, b""))
    if declared != shape or (number, kind) != (_CLASS, _BYTES):
        raise ValueError(
            f"expected {name} uint8 {list(shape)}; got class {number} {list(declared)}"
        )
    if len(values) != math.prod(shape):
        raise ValueError(f"expected {math.prod(shape):,} bytes of {name}; got fewer")
    return np.frombuffer(values, np.uint8).reshape(shape, order="F")


def _elements(data: bytes, order: str) -> Iterator[Element]:
    """The elements of a file or of a matrix; the last may end early."""
    place, view = 0, memoryview(data)
    while place + 8 <= len(data):
        kind, size = np.frombuffer(view[place : place + 8], f"{order}u4").tolist()
        if kind >> 16:  # a small element has its size beside its type
            yield kind & 0xFFFF, bytes(view[place + 4 : place + 4 + (kind >> 16)])
            place += 8
            continue
        yield kind, bytes(view[place + 8 : place + 8 + size])
        place += 8 + size + (0 if kind == _COMPRESSED else -size % 8)
