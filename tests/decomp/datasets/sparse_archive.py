"""An .npz of images of any size that needs hardly any space on the disk."""

import struct
import zipfile

import numpy as np

from tests.faults import damage

_END = 22  # bytes of the end of an archive without a comment


def write(path, shape, rows):
    """Writes `images.npy`, stored as MPI3D is, beyond four gigabytes as ZIP64.

    `rows` maps the index of an image to the value of its pixels; others are 0.
    """
    header = damage.declaring(str(shape))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", header)
    content = path.read_bytes()
    directory = content.rindex(b"PK\x01\x02")
    central = bytearray(content[directory:-_END])
    size = len(header) + int(np.prod(shape, dtype=np.int64))
    central[20:28] = b"\xff" * 8  # both sizes are in the extra field after the name
    central[30:32] = struct.pack("<H", 20)
    central += struct.pack("<HHQQ", 1, 16, size, size)
    offset, image_size = directory - len(header) + size, int(np.prod(shape[1:]))
    with path.open("r+b") as file:
        file.truncate(directory)
        for index, value in rows.items():
            file.seek(directory + image_size * index)
            file.write(bytes([value]) * image_size)
        file.seek(offset)
        file.write(central)
        counts = (44, 45, 45, 0, 0, 1, 1, len(central), offset)
        file.write(struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", *counts))
        file.write(struct.pack("<4sIQI", b"PK\x06\x07", 0, offset + len(central), 1))
        file.write(content[-_END:-10] + b"\xff" * 8 + bytes(2))
    return path
