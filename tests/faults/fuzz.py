"""Random configs and randomly damaged files: `python -m tests.faults.fuzz 600`.

Every try must end in a result or in one line. Any other outcome is reported with the
seed and the number of the try, which reproduce it.
"""

import argparse
import contextlib
import io
import pathlib
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from configs import base
from experiments.config import command_line, fields
from experiments.config.settings import ProgramSettings
from experiments.data import catalogue
from experiments.sweep import layout
from experiments.system import commands
from tests.faults import damage, image_readers
from tests.faults.attempts import command_line_of
from tests.faults.image_readers import Loader

_SLOW = 10.0  # seconds of one core; a longer try is reported
_TRACED = 8  # one of this many accepted configs is traced
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


class Counts(NamedTuple):
    """The outcomes of a campaign."""

    tries: int
    refused: int  # refused in one line
    accepted: int
    failures: list[str]  # tracebacks and slow tries, with the number of the try


def run(seconds: float, *, seed: int, folder: pathlib.Path) -> Counts:
    """Tries random inputs, configs and files in turn.

    Args:
        seconds: Duration; the last try is finished.
        seed: Seed of the inputs.
        folder: An empty folder for the files.

    Returns:
        The counts and all failures.
    """
    files, end = image_readers.all_of(folder), time.monotonic() + seconds
    number, refused, failures = 0, 0, []
    while time.monotonic() < end:
        rng, start = np.random.default_rng((seed, number)), time.process_time()
        try:
            if number % 2:
                outcome = _config(rng)
            else:
                outcome = _file(rng, files, folder)
            if time.process_time() - start > _SLOW:
                raise TimeoutError(f"expected an answer in {_SLOW} s")
            refused += outcome is True or (outcome is not False and _trace(outcome))
        except Exception:
            failures.append(f"seed {seed}, try {number}: {traceback.format_exc()}")
        number += 1
    return Counts(number, refused, number - refused - len(failures), failures)


def _config(rng: np.random.Generator) -> bool | list[ProgramSettings]:
    """Parses a random command line.

    Returns:
        Whether it was refused, or programs to trace.
    """
    names = [field for field, _ in fields.leaves(base.get_config())]
    swept = rng.choice(names, int(rng.integers(1, 5)), replace=False)
    variants = "laptop,smoke" if rng.integers(2) else "smoke"
    flag = f"--config=configs/{rng.choice(_CONFIGS)}.py:{variants}"
    words = [flag, *(f"--config.{name}={rng.choice(_VALUES)}" for name in swept)]
    stderr = io.StringIO()
    with command_line_of(words) as argv, contextlib.redirect_stderr(stderr):
        try:
            config, programs, _ = command_line.parse(argv)
        except SystemExit as end:
            message = stderr.getvalue()
            if end.code != 2 or message.count("\n") != 1:
                raise ValueError(f"{words} gave {end.code} and {message!r}") from end
            return True
    # Principal axes and drawing would take minutes.
    sprites = config.data.name == "dsprites" and config.data.side in (0, 64)
    large = sprites or config.data.name == "heads"
    if catalogue.source(config.data) == "tfds":
        return False  # nothing is downloaded
    if not rng.integers(_TRACED) and 0 < config.data.points <= 2000 and not large:
        return programs
    return False


def _trace(programs: list[ProgramSettings]) -> bool:
    """Whether an accepted config is refused with its data; if not, it must trace."""
    try:
        work, *_ = layout.sweeps(programs, pathlib.Path())
    except (ValueError, OSError) as error:
        if "\n" in str(error):
            raise
        return True
    try:
        init, advance, scores = layout.functions(work)
        key = jax.random.key(0)
        setting = jax.tree.map(lambda leaf: leaf[0], work.settings)
        state = jax.eval_shape(init, key, setting)
        points, factors = work.scored.points, work.scored.factors.astype(np.int32)
        rest = work.data.points, np.int32(1)
        state = jax.eval_shape(advance, state, key, setting, *rest)
        jax.eval_shape(scores, state.params, key, setting, points, factors)
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
        path.write_bytes(content)  # the next try may read it together with others
    return False


@commands.command("tests.faults.fuzz")
def main(arguments: Sequence[str] | None = None) -> int:
    """Prints each failure and the counts; returns 1 if anything fails."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        counts = run(options.seconds, seed=options.seed, folder=folder)
    for failure in counts.failures:
        print(failure.encode("ascii", "backslashreplace").decode())
    print(
        f"{counts.tries} tries: {counts.refused} refused in one line, "
        f"{counts.accepted} accepted, {len(counts.failures)} failures"
    )
    return int(bool(counts.failures))


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser(
        "tests.faults.fuzz",
        __doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    whole = commands.whole(0)
    help_of_seconds = "duration; the last try is finished"
    parser.add_argument(
        "seconds", type=whole, nargs="?", default=60, help=help_of_seconds
    )
    help_of_seed = "seed of the inputs"
    parser.add_argument("seed", type=whole, nargs="?", default=0, help=help_of_seed)
    return parser


if __name__ == "__main__":
    sys.exit(main())
