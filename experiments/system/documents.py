"""Generated tables, between the marks of a Markdown file."""

import pathlib
import re
from collections.abc import Mapping, Sequence

from experiments.system import atomic_files


def write(path: pathlib.Path, blocks: Mapping[str, str]) -> pathlib.Path:
    """Writes each block between `<!-- name -->` and `<!-- end -->` of a file.

    Raises:
        ValueError: If the file lacks a mark.
    """
    text = path.read_text(encoding="utf-8")
    for name, block in blocks.items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not mark.search(text):
            raise ValueError(f"{path} has no mark <!-- {name} --> … <!-- end -->.")
        text = mark.sub(lambda m, block=block: m[1] + block + "\n" + m[2], text)
    atomic_files.write(path, text.encode())
    return path


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; `|` in a cell is escaped."""
    cells = [[cell.replace("|", "\\|") for cell in line] for line in (head, *rows)]
    lines = [cells[0], ["---"] * len(head), *cells[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
