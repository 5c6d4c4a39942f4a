"""Which latent encodes which factor, in a sweep over Gaussian priors?

    python -m experiments.findings.latent_roles results/paper_length_5e-4
    python -m experiments.findings --keep results/paper_length_5e-4

The data of the sweep must have known factors. The first command encodes the scored
images with every finished run and writes latents.csv into the workdir, a row for each
run and latent:

- place: 0 for the latent with the largest KL, 9 for the smallest of ten;
- prior_std: the standard deviation σ_d of p(z_d);
- kl: (1/N) Σ_n KL(q(z_d|x_n) ‖ p(z_d)), nats;
- one column per factor: I(z_d; v)/H(v) of the posterior mean, from 20 bins, as MIG has
  it (`decomp.metrics.mig`).
"""

import csv
import functools
import pathlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.metrics import discrete, mig
from experiments.findings import effects, load
from experiments.models import autoencoder
from experiments.plots import style
from experiments.sweep import layout, opened, workdirs
from experiments.system import atomic_files, commands, documents
from experiments.system.terminal import StageProgress, say

SWEEP = "paper_length_5e-4"
_BASE = "isotropic"
_SETTING = ("prior", "beta")
_FIRST = ("run", "seed", *_SETTING, "place", "prior_std", "kl")


@commands.command("experiments.findings.latent_roles")
def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0, or 2 after a one-line error."""
    parser = commands.parser(
        "experiments.findings.latent_roles", __doc__.splitlines()[0]
    )
    parser.add_argument("workdir", type=commands.path, help="a finished sweep")
    workdir = parser.parse_args(arguments).workdir
    say(str(write(workdir)))
    return 0


def write(workdir: pathlib.Path) -> pathlib.Path:
    """Measures every finished run of a sweep, and writes latents.csv.

    Raises:
        ValueError: One line, for a sweep without factors or with other priors.
    """
    sweep = opened.open_workdir(workdir)
    _, programs = workdirs.validated(workdir)
    work = layout.sweeps(programs, workdir)[0]
    if len(programs) > 1 or work.scored.factors.shape[1] < 2:
        raise ValueError(
            f"{workdir}: expected a sweep of one program on data with factors."
        )
    x = np.asarray(autoencoder.data_values(work.vae, jnp.asarray(work.scored.points)))
    classes, sizes = discrete.classes(work.scored.factors)
    measure = jax.jit(functools.partial(measured, sizes=sizes))
    rows = []
    pairs = zip(sweep, _settings(sweep), strict=True)
    with StageProgress() as progress:
        for done, (run, setting) in enumerate(pairs, start=1):
            if not isinstance(run.prior, Gaussian):
                raise ValueError(
                    f"{workdir}: expected Gaussian priors, got {run.prior}."
                )
            measures = np.asarray(measure(run.encode(x), run.prior, classes))
            rows += [[*setting, place, *line] for place, line in enumerate(measures)]
            progress("runs", done, len(sweep))
    path = workdir / load.LATENTS
    atomic_files.write_csv(path, [*_FIRST, *work.scored.factor_names], rows)
    return path


def _settings(sweep: opened.OpenedSweep) -> list[list[object]]:
    """Run, seed, prior and β of each finished run."""
    columns = [sweep.scores[name].tolist() for name in ("run", "seed", *_SETTING)]
    return [list(row) for row in zip(*columns, strict=True)]


def measured(
    q: Gaussian, p: Gaussian, classes: jax.Array, *, sizes: tuple[int, ...]
) -> jax.Array:
    """The columns of latents.csv from prior_std on, the largest KL first.

    Args:
        q: Posteriors of the points, leaves `[N, D]`.
        p: The prior, leaves `[D]`.
        classes: The factors `[N, F]`.
        sizes: Number of classes of each factor.

    Returns:
        `[D, 2 + F]`.
    """
    kl = jnp.mean(jax.vmap(gaussian.kl_dims, (0, None))(q, p), axis=0)
    gap = mig.score(q.loc, classes, sizes=sizes)
    shares = discrete.safe_divide(gap.information, gap.entropy[None, :])
    table = jnp.concatenate([jnp.stack([p.scale, kl], axis=1), shares], axis=1)
    return table[jnp.argsort(-kl)]


class Latents(NamedTuple):
    """The rows of latents.csv, by setting and run."""

    factors: list[str]
    # For each (prior, β): the seeds [R], the standard deviations of the prior [R, D],
    # the KLs [R, D], and the shares I/H [R, D, F]; the largest KL first.
    settings: dict[tuple[str, float], tuple[np.ndarray, ...]]


def read(name: str = SWEEP, folder: pathlib.Path = load.FOLDER) -> Latents:
    """Reads the latents of a kept sweep."""
    with open(folder / name / load.LATENTS, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    factors = list(reader.fieldnames or ())[len(_FIRST) :]
    settings = {}
    for prior, beta in dict.fromkeys((row["prior"], row["beta"]) for row in rows):
        part = [row for row in rows if (row["prior"], row["beta"]) == (prior, beta)]
        shares = [_column(part, factor) for factor in factors]
        settings[prior, float(beta)] = (
            _column(part, "seed")[:, 0],
            _column(part, "prior_std"),
            _column(part, "kl"),
            np.stack(shares, axis=-1),
        )
    return Latents(factors, settings)


def _column(rows: Sequence[dict[str, str]], name: str) -> np.ndarray:
    """A column of the runs of one setting `[R, D]`."""
    runs = len({row["run"] for row in rows})
    return np.array([row[name] for row in rows], float).reshape(runs, -1)


def gaps(shares: np.ndarray) -> np.ndarray:
    """The largest I(z_d; v)/H(v) minus the second, `[R, F]`, from `[R, D, F]`.

    Its mean over the factors is MIG.

    >>> gaps(np.array([[[0.5, 0.1], [0.2, 0.4]]])).round(1).tolist()
    [[0.3, 0.3]]
    """
    ordered = np.sort(shares, axis=1)
    return ordered[:, -1] - ordered[:, -2]


def table(latents: Latents) -> str:
    """The gap of each factor: of the isotropic prior, and what others change of it.

    Differences are paired by seed; the intervals of a line hold together with 95 %.
    """
    by_seed = {
        setting: [dict(zip(seeds, column, strict=True)) for column in gaps(shares).T]
        for setting, (seeds, _, _, shares) in latents.settings.items()
    }
    lines = []
    for prior, beta in sorted(by_seed, key=lambda of: (of[1], of[0] != _BASE)):
        words = style.describe({"prior": prior}, ["prior"])
        values = [np.array([*scores.values()]) for scores in by_seed[prior, beta]]
        compared = prior != _BASE
        if compared:
            words = f"{words} − isotropic"
            pairs = zip(by_seed[prior, beta], by_seed[_BASE, beta], strict=True)
            values = [load.paired(above, below) for above, below in pairs]
        cells = [
            effects.plus_minus(
                *effects.mean_and_half(column, len(values)), "+" if compared else ""
            )
            for column in values
        ]
        lines.append([f"β = {beta:g}", words, *cells])
    return documents.table(["", "gap of a factor", *latents.factors], lines)


def figure(latents: Latents) -> Figure:
    """Mean shares I(z_d; v)/H(v), a panel for each prior and β."""
    priors = list(dict.fromkeys(prior for prior, _ in latents.settings))
    betas = sorted({beta for _, beta in latents.settings})
    count = len(next(iter(latents.settings.values()))[0])
    drawn = style.new(
        3.3 * len(priors) + 0.8,
        3.5 * len(betas) + 0.4,
        note=f"Means over {count} networks of I(z; v)/H(v), in percent. The latents of "
        "each network are sorted by their KL; left: means of σ of the prior and of KL.",
    )
    panels = drawn.subplots(len(betas), len(priors), squeeze=False)
    largest = max(value[3].mean(axis=0).max() for value in latents.settings.values())
    for row, beta in zip(panels, betas, strict=True):
        for axes, prior in zip(row, priors, strict=True):
            _, stds, kls, shares = latents.settings[prior, beta]
            means = shares.mean(axis=0)
            axes.imshow(means, cmap="Blues", vmin=0, vmax=largest, aspect="auto")
            for (place, factor), mean in np.ndenumerate(means):
                colour = "white" if mean > 0.6 * largest else "0.15"
                text = f"{100 * mean:.0f}"
                options = {"ha": "center", "va": "center", "fontsize": 8}
                axes.text(factor, place, text, color=colour, **options)
            names = [
                f"{std:.2f}, {kl:.1f}"
                for std, kl in zip(stds.mean(axis=0), kls.mean(axis=0), strict=True)
            ]
            axes.set_yticks(range(len(names)), names, fontsize=8)
            axes.set_xticks(range(len(latents.factors)), latents.factors, fontsize=8)
            axes.tick_params(length=0)
            setting = {"prior": prior, "beta": beta}
            axes.set_title(style.describe(setting, list(setting)), fontsize=9.5)
    for row in panels:
        row[0].set_ylabel("latent: σ of the prior, KL (nats)")
    return drawn


if __name__ == "__main__":
    sys.exit(main())
