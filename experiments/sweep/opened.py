"""A sweep opened from its folder, with settings, scores and trained networks."""

import dataclasses
import math
import pathlib
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from decomp import trained
from decomp.datasets.readers import npz
from decomp.distributions.gaussian import Gaussian
from decomp.trained import TrainedVAE
from experiments.config import settings
from experiments.config.settings import ProgramSettings
from experiments.models import networks, objectives, priors
from experiments.results import reading, run_tables
from experiments.sweep import layout, workdirs
from experiments.system import atomic_files, paths
from experiments.training import one_run


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class OpenedSweep:
    """The finished runs of a sweep.

    `sweep[563]` is run 563, a `decomp.trained.TrainedVAE` that encodes and decodes.
    Several runs of one architecture are one `TrainedVAE` whose results have a leading
    axis `[R]`: `sweep[[3, 5]]`, `sweep[sweep.scores["beta"] == 4]`, or `sweep[:]`.
    """

    workdir: pathlib.Path
    settings: list[dict[str, Any]]  # the columns of each setting
    # The columns, [R] each: run, seed, setting (an index of `settings`), the columns of
    # the settings, diverged (the step, or −1) and every score.
    scores: dict[str, np.ndarray]
    _programs: list[ProgramSettings]
    _shapes: list[tuple[int, ...]]  # shape of an x of each program
    _tables: dict[str, np.ndarray]

    def __len__(self) -> int:
        """The number of runs that have finished."""
        return len(self.scores["run"])

    def __iter__(self) -> Iterator[TrainedVAE]:
        """The finished runs, by number."""
        return self._each(self.scores["run"].tolist())

    def __repr__(self) -> str:
        """The numbers of runs and settings, and the folder."""
        return (
            f"OpenedSweep({len(self)} finished runs of {len(self.settings)} settings, "
            f"{self.workdir})"
        )

    def __getitem__(self, run: Any) -> TrainedVAE:
        """The trained networks, prior and training curves of a run, by its number.

        Args:
            run: A number; or several: a list of numbers, a mask of the finished runs
                (of the rows of `scores`), or a slice of numbers.

        Raises:
            IndexError: One line, for a run that has not finished.
            ValueError: One line, for several runs whose networks or priors differ.
        """
        if np.ndim(run) or isinstance(run, slice):
            return _stacked([*self._each(self._numbers(run))])
        return next(self._each([run]))

    def _each(self, runs: list[int]) -> Iterator[TrainedVAE]:
        """Some runs in turn; in the order of their numbers, each file is read once."""
        # Programs alternate in the numbers, and each works through its own blocks.
        keep = lru_cache(len(self._programs))
        read, make = keep(self._block), keep(self._networks)
        return (self._run(run, read, make) for run in runs)

    def _block(self, first: int) -> Any:
        """The parameters of all runs of a block."""
        try:
            return run_tables.read_block(self.workdir, first)
        except npz.BAD_FILE as error:
            path = run_tables.block_path(self.workdir, first)
            raise ValueError(f"{path}: {npz.problem(error)}.") from error

    def _networks(self, program: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Encoder and decoder of a program, and the shapes of their parameters."""
        model, shape = self._programs[program].config.model, self._shapes[program]
        modules = dict(
            zip(("encoder", "decoder"), networks.make(model, shape), strict=True)
        )
        widths = {"encoder": math.prod(shape), "decoder": model.latents}
        rows = {name: jnp.zeros((1, width)) for name, width in widths.items()}
        key = jax.random.key(0)
        shapes = {
            name: jax.eval_shape(partial(trained.start, network), key, rows[name])
            for name, network in modules.items()
        }
        return modules, jax.tree.map(jnp.shape, shapes)

    def _run(
        self, run: int, read: Callable[[int], Any], make: Callable[[int], Any]
    ) -> TrainedVAE:
        """A run, from `_block` and `_networks` or functions that remember results."""
        numbers = self.scores["run"].tolist()
        if isinstance(run, bool | np.bool_) or run not in numbers:  # True == 1
            raise IndexError(
                f"{self.workdir}: run {run} has not finished; expected one of the "
                f"{len(numbers)} from {numbers[0]} to {numbers[-1]}."
            )
        place = numbers.index(run)
        setting = int(self._tables["setting"][place])
        firsts = [program.first for program in self._programs]
        program = int(np.searchsorted(firsts, setting, "right")) - 1
        row, shape = self.settings[setting], self._shapes[program]
        config = self._programs[program].config
        modules, shapes = make(program)
        first, index = (int(self._tables[name][place]) for name in ("block", "index"))
        params = jax.tree.map(lambda leaf: leaf[index], read(first))
        if {n: jax.tree.map(jnp.shape, params.get(n)) for n in modules} != shapes:
            raise ValueError(
                f"{run_tables.block_path(self.workdir, first)}: its parameters do not "
                "fit the networks of config.json."
            )
        step, *measures = self._tables["curves"][place].T
        kept = np.isfinite(step)
        names = objectives.read_by([row["objective"]])
        return TrainedVAE(
            seed=int(self._tables["seed"][place]),
            params={name: params[name] for name in modules},
            prior=_prior(
                self._programs[program], row, params, modules["encoder"], shape
            ),
            **modules,
            shape=shape,
            latents=config.model.latents,
            weights={name: row[name] for name in names if name in row},
            curves={"step": step[kept].astype(int)}
            | {
                name: values[kept]
                for name, values in zip(one_run.MEASURES, measures, strict=True)
            },
            diverged=int(self._tables["diverged"][place]),
            sample_prior=priors.PRIORS[row["prior"]].family.sample,
        )

    def _numbers(self, runs: Any) -> list[int]:
        """The numbers of several runs."""
        numbers = self.scores["run"]
        if isinstance(runs, slice):
            every = runs == slice(None)
            last = int(numbers[-1]) + 1
            return numbers.tolist() if every else [*range(*runs.indices(last))]
        runs = np.asarray(runs)
        if runs.dtype == bool:
            if runs.shape != numbers.shape:
                raise IndexError(
                    f"{self.workdir}: a mask must have one value for each of the "
                    f"{len(numbers)} finished runs; got shape {list(runs.shape)}."
                )
            return numbers[runs].tolist()
        return runs.ravel().tolist()

    def best(self, score: str, *, lowest: bool = False, **setting: Any) -> int:
        """The number of the run with the highest score that did not diverge.

        Args:
            score: A column of `scores`.
            lowest: Whether the lowest score is the best, as for `reconstruction`.
            **setting: Values that columns of the run must have, such as `beta=4`.

        Raises:
            ValueError: One line, for an unknown column, or if no run is left.
        """
        for name in (score, *setting):
            if name not in self.scores:
                raise ValueError(
                    f"{self.workdir}: there is no column {name}; choices: "
                    f"{', '.join(self.scores)}."
                )
        if self.scores[score].dtype.kind not in "biuf":
            raise ValueError(
                f"{self.workdir}: a best run needs a column of numbers; {score} has "
                f"{', '.join(sorted(set(self.scores[score])))}."
            )
        values = np.asarray(self.scores[score], float)
        ok = np.isfinite(values) & (self.scores["diverged"] < 0)
        for name, value in setting.items():
            has = self.scores[name] == value
            if not np.any(has):
                raise ValueError(
                    f"{self.workdir}: no finished run has {name} = {value}; choices: "
                    f"{', '.join(map(str, np.unique(self.scores[name])))}."
                )
            ok &= has
        if not ok.any():
            chosen = ", ".join(f"{name} = {value}" for name, value in setting.items())
            raise ValueError(
                f"{self.workdir}: of the finished runs{' with ' * bool(chosen)}{chosen}"
                f", none has a finite {score} and did not diverge."
            )
        order = np.where(ok, values if lowest else -values, np.inf)
        return int(self.scores["run"][np.argmin(order)])


def open_workdir(workdir: Any) -> OpenedSweep:
    """The finished runs of a folder, see `experiments.results.open`.

    Raises:
        ValueError: One line, for a folder that cannot be used.
    """
    folder = paths.path(str(workdir))
    _, programs = workdirs.validated(folder)
    rows = settings.rows(programs)
    tables = workdirs.finished(folder, rows)
    columns = {name: np.asarray([row[name] for row in rows]) for name in rows[0]}
    scores = {"run": tables["number"], "seed": tables["seed"]}
    scores |= {"setting": tables["setting"]}
    scores |= {name: values[tables["setting"]] for name, values in columns.items()}
    scores |= {"diverged": tables["diverged"]}
    scores |= {
        name.removeprefix("scores/"): values
        for name, values in tables.items()
        if name.startswith("scores/")
    }
    return OpenedSweep(
        folder, rows, scores, programs, _shapes(folder, programs), tables
    )


def _stacked(runs: list[TrainedVAE]) -> TrainedVAE:
    """Several runs as one `TrainedVAE` with a leading axis `[R]`.

    The curves of a run that diverged end early; they are continued with NaN.
    """
    if not runs:
        raise IndexError("expected at least one run; got none.")
    longest = max((run.curves["step"] for run in runs), key=len)
    runs = [
        dataclasses.replace(
            run,
            curves={
                name: np.pad(
                    np.asarray(curve, float),
                    (0, len(longest) - len(curve)),
                    constant_values=np.nan,
                )
                for name, curve in run.curves.items()
            }
            | {"step": longest},
        )
        for run in runs
    ]
    try:
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *runs)
    except (ValueError, TypeError):
        raise ValueError(
            "several runs must have the same networks, prior and weights to be one "
            "object; choose those of one architecture, such as by a mask of `scores`."
        ) from None


def write_shapes(workdir: pathlib.Path, works: list[layout.Sweep]) -> None:
    """Saves the shapes of x, so that networks can be rebuilt without the data."""
    shapes = [list(work.data.shape or (work.vae.outputs,)) for work in works]
    atomic_files.write_json(workdir / "inputs.json", shapes)


def _shapes(
    workdir: pathlib.Path, programs: list[ProgramSettings]
) -> list[tuple[int, ...]]:
    """The shape of an x of each program, from inputs.json or else from the data."""
    try:
        return reading.shapes(workdir / "inputs.json")
    except (OSError, ValueError):
        works = layout.sweeps(programs, workdir)
        return [work.data.shape or (work.vae.outputs,) for work in works]


def _prior(
    program: ProgramSettings,
    row: dict[str, Any],
    params: dict[str, Any],
    encoder: Any,
    shape: tuple[int, ...],
) -> Any:
    """p(z) of a run, from its parameters and its row of the settings."""
    options = priors.options(program.config)
    parameters = priors.read_by(program.config.prior.name)
    traced = priors.Traced(
        parameters={name: jnp.float32(row[name]) for name in parameters},
        log_variances=jnp.zeros(options.latents),  # trained ones are parameters
        learned=jnp.zeros(()),
    )

    def encode(free: jax.Array) -> Gaussian:
        x = jax.nn.sigmoid(free) if len(shape) > 1 else free
        return encoder.apply({"params": params["encoder"]}, x)

    return priors.make(params.get("prior"), options, traced, encode)
