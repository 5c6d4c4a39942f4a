"""Runs the notebooks and keeps them with their outputs: `make notebooks`.

NAME.py is the source, Python in cells; NAME.ipynb is the same with its outputs. The
command needs jupytext, nbclient and ipykernel, which nothing else here needs.
"""

import pathlib
import sys
import time
from collections.abc import Sequence
from typing import Any

from experiments.benchmarks import machine
from experiments.system import atomic_files, commands

_HERE = pathlib.Path(__file__).parent
_LONGEST = 120  # seconds of a cell


@commands.command("experiments.notebooks")
def main(arguments: Sequence[str] | None = None) -> int:
    """Writes every notebook; an error in one ends in its traceback."""
    commands.parser("experiments.notebooks", __doc__.splitlines()[0]).parse_args(
        arguments
    )
    try:
        import nbformat
    except ImportError as error:
        raise ValueError(f"{error}; `make notebooks` takes it from PyPI.") from None
    for path in sorted(_HERE.glob("[!_]*.py")):
        start = time.monotonic()
        target = path.with_suffix(".ipynb")
        content = f"{nbformat.writes(executed(path))}\n".encode()
        atomic_files.write(target, content)
        seconds = time.monotonic() - start
        words = f"{seconds:.0f} s, {len(content) / 1000:.0f} kB"
        print(f"{target}  {words}", flush=True)
    return 0


def executed(path: pathlib.Path) -> Any:
    """A notebook with its outputs, without what differs from one run to the next."""
    import jupytext
    from nbclient import NotebookClient

    notebook = jupytext.read(path, fmt="py:percent")
    client = NotebookClient(
        notebook,
        timeout=_LONGEST,
        kernel_name="python3",
        resources={"metadata": {"path": str(_HERE.parents[1])}},
    )
    client.execute()
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = f"cell-{number:02d}", {}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    # Scores of trained networks differ in their second digit with the rounding.
    notebook.metadata["vector_extensions"] = machine.extensions()
    return notebook


if __name__ == "__main__":
    sys.exit(main())
