"""Random configs and randomly damaged files: `python -m tests.faults.fuzz 600`.

Every try has to end in a result or in one line; anything else is reported with the seed
and the number of the try, which give it again.
"""

import contextlib
import io
import pathlib
import sys
import tempfile
import time
import traceback
from typing import NamedTuple

import jax
import numpy as np

from configs import base
from experiments.config import command_line, fields
from experiments.config.settings import ProgramSettings
from experiments.data import catalogue
from experiments.sweep import layout
from tests.faults import damage, image_readers
from tests.faults.attempts import typed
from tests.faults.image_readers import Loader

_SLOW = 10.0  # seconds of a core, of a try, that deserve a report
_TRACED = 8  # one accepted config among so many is traced
_CONFIGS = (
    *("pinwheel", "pinwheel_divergences", "shapes_anisotropic", "shapes_student_t"),
    *("sparse", "subspaces", "tc_ablation", "entropy_equivalence", "images"),
    *("correlated", "heads"),
)
_VALUES = (
    *("0", "1", "2", "3", "-1", "7", "10", "0.5", "1.0", "1e-3", "1e3", "1e30", "-0.0"),
    *("nan", "inf", "-inf", "1e400", "1e-400", "2147483648", "9" * 40, "0x10", "1_0"),
    *(
        "",
        " ",
        "x",
        "None",
        "True",
        "False",
        "true",
        "()",
        "(1,)",
        "[1, 2]",
        "{}",
        "1,2",
    ),
    *(
        "1,2,3",
        "(1,(2,))",
        "'a'",
        "a,b",
        "(" * 300,
        "-" * 300,
        "\u00e9",
        "\udcff",
    ),
    *("1;2", "__import__('os')", "../..", "/", "/dev/zero", "%s", "\\", "\n", "1 2"),
    *(
        "isotropic",
        "vamp",
        "mixture",
        "hierarchical",
        "subspaces",
        "laplace",
        "clusters",
    ),
    *("beta_vae", "hfvae", "iwae", "wae_mmd", "dip_vae_i", "info_vae", "factor_vae"),
    *("mmd_rbf", "moments", "jensen_shannon", "stratified", "cyclic", "zip", "dense"),
    *("conv", "file", "tfds", "dsprites", "pinwheel", "fashion_mnist", "softplus"),
)


class Found(NamedTuple):
    """What a campaign saw."""

    tries: int
    refused: int  # in one line
    accepted: int
    failures: list[str]  # tracebacks and what took long, each with its try


def run(seconds: float, *, seed: int, folder: pathlib.Path) -> Found:
    """Tries random inputs, configs and files in turn.

    Args:
        seconds: Of the campaign; the try under way is finished.
        seed: Of the inputs.
        folder: Empty; files are written there.

    Returns:
        Counts, and every failure.
    """
    files, end = image_readers.all_of(folder), time.monotonic() + seconds
    number, refused, failures = 0, 0, []
    while time.monotonic() < end:
        rng, start = np.random.default_rng((seed, number)), time.process_time()
        try:
            if number % 2:
                found = _config(rng)
            else:
                found = _file(rng, files, folder)
            if time.process_time() - start > _SLOW:
                raise TimeoutError(f"expected an answer in {_SLOW} s")
            refused += found is True or (found is not False and _traced(found))
        except Exception:
            failures.append(f"seed {seed}, try {number}: {traceback.format_exc()}")
        number += 1
    return Found(number, refused, number - refused - len(failures), failures)


def _config(rng: np.random.Generator) -> bool | list[ProgramSettings]:
    """Types a random command line; whether it was refused, or programs to trace."""
    names = [field for field, _ in fields.leaves(base.get_config())]
    chosen = rng.choice(names, int(rng.integers(1, 5)), replace=False)
    variants = "laptop,smoke" if rng.integers(2) else "smoke"
    config = f"--config=configs/{rng.choice(_CONFIGS)}.py:{variants}"
    words = [config, *(f"--config.{name}={rng.choice(_VALUES)}" for name in chosen)]
    printed = io.StringIO()
    with typed(words) as argv, contextlib.redirect_stderr(printed):
        try:
            found, programs, _ = command_line.parse(argv)
        except SystemExit as end:
            message = printed.getvalue()
            if end.code != 2 or message.count("\n") != 1:
                raise ValueError(f"{words} gave {end.code} and {message!r}") from end
            return True
    # Minutes of principal axes, or of drawing.
    sprites = found.data.name == "dsprites" and found.data.side in (0, 64)
    large = sprites or found.data.name == "heads"
    if catalogue.source(found.data) == "tfds":
        return False  # nothing is downloaded
    if not rng.integers(_TRACED) and 0 < found.data.points <= 2000 and not large:
        return programs
    return False


def _traced(programs: list[ProgramSettings]) -> bool:
    """Whether an accepted config is refused with its data; if not, it has to trace."""
    try:
        work, *_ = layout.sweeps(programs, pathlib.Path())
    except (ValueError, OSError) as error:
        if "\n" in str(error):
            raise
        return True
    try:
        init, advance, scores = layout.functions(work)
        key, one = jax.random.key(0), jax.tree.map(lambda leaf: leaf[0], work.settings)
        state = jax.eval_shape(init, key, one)
        points, factors = work.scored.points, work.scored.factors.astype(np.int32)
        state = jax.eval_shape(advance, state, key, one, work.data.points, np.int32(1))
        jax.eval_shape(scores, state.params, key, one, points, factors)
    except Exception as error:
        raise RuntimeError(f"{work.config} does not trace") from error
    return False


def _file(rng: np.random.Generator, files: list[Loader], folder: pathlib.Path) -> bool:
    """Loads a randomly damaged file; returns whether it was refused."""
    name, content, load = files[int(rng.integers(len(files)))]
    path = folder / name
    path.write_bytes(damage.corrupted(content, rng))
    try:
        load(path)
    except ValueError as error:
        message = str(error)
        if not message.startswith(str(folder)) or "\n" in message:
            raise
        return True
    finally:
        path.write_bytes(content)  # others may lie beside it and be read with it
    return False


def main(arguments: list[str]) -> int:
    """Runs for the seconds given, from the seed given; returns 1 for any failure."""
    seconds, seed = ([*map(int, arguments)] + [60, 0][len(arguments) :])[:2]
    with tempfile.TemporaryDirectory() as name:
        found = run(seconds, seed=seed, folder=pathlib.Path(name))
    for failure in found.failures:
        print(failure.encode("ascii", "backslashreplace").decode())
    print(
        f"{found.tries} tries: {found.refused} refused in one line, {found.accepted} "
        f"accepted, {len(found.failures)} failures"
    )
    return int(bool(found.failures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
