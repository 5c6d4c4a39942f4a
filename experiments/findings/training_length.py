"""R1 to R5, R12 and R13 at the length of the paper, and R1 to R3 on the way there.

The rules are those of `known_factors`, applied to each length by itself; they were
written down here before a score of the sweeps was seen:

- R1 holds at a length if the slope of Kim & Mnih's score from β = 1 to 4, pruned and as
  the authors compute it, is not shown to be above 0;
- R3 holds at a length if the learned prior scores above the isotropic one, at β = 1 and
  at β = 4, pruned and as the authors compute it, and is open if an interval contains
  0;
- R2 is decided as R3, with the prior of principal variances (added with the sweep of
  forty seeds, before it was trained);
- at the learning rate of the released code, 5e-4, R1 to R3 are decided after 20 epochs
  by the same rules, and R4 and R5 after 40 epochs of batch 256 by those of
  `known_factors`, in sweeps of twenty seeds;
- R12 and R13 are decided after 20 epochs at 1e-4 by the rules of `known_factors`, in
  sweeps of twenty seeds: R12 at β = 4 and 16, R13 at β = 1 and at the least and the
  largest α and γ (added before these sweeps were trained; time allowed ten seeds of
  each);
- a prior begins to matter at the first length from which the interval of its gap stays
  above 0, where the intervals of all lengths hold together with 95 %.

Training for fewer steps is the beginning of training for more, as both take the same
start and the same batches, so that a line over the lengths follows the same networks.
"""

from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.findings import bands, claims, effects, known_factors, load
from experiments.findings.effects import Finding
from experiments.findings.load import SweepTables
from experiments.plots import style
from experiments.results import columns, summary
from experiments.system import documents

SWEEP = "paper_length"
SCORES = ("kim_mnih_pruned", "mig", "reconstruction", "kl_aggregate_prior")
GAINS = ("kim_mnih_pruned", "kim_mnih_authors", "mig")
_BASE = "isotropic"
# Columns of the table beside short training: what differs, the sweep over priors and β,
# and the sweeps that decide the other findings.
TRAINED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "0.2 epochs, learning rate 2e-3 (`:laptop`)",
        "shapes",
        ("student", "entropy", "tc"),
    ),
    (
        "20 epochs, 1e-4 (the text); R4, R5: 40 epochs of batch 256",
        SWEEP,
        ("student_paper_length", "entropy_paper_length", "tc_paper_length"),
    ),
    ("20 epochs, 5e-4 (the released code)", "paper_length_5e-4", ()),
)
_COLUMN = "steps"
_POINTS = 737_280  # images of dSprites


def lengths(sweep: SweepTables) -> dict[float, SweepTables]:
    """The runs of each number of steps, shortest first."""
    parts = {}
    for steps in load.levels(sweep, _COLUMN):
        train = sweep.config["train"] | {"steps": int(steps)}
        runs = [run for run in sweep.runs if run[_COLUMN] == steps]
        parts[steps] = sweep._replace(config=sweep.config | {"train": train}, runs=runs)
    return parts


def epochs(sweep: SweepTables, steps: float) -> float:
    """Passes over dSprites that training of some steps makes."""
    return steps * sweep.config["train"]["batch_size"] / _POINTS


def findings(sweep: SweepTables) -> dict[float, list[Finding]]:
    """R1 to R3 by epochs, each decided from the runs of that length alone."""
    return {
        epochs(sweep, steps): known_factors.of_priors(part)
        for steps, part in lengths(sweep).items()
    }


def longest(sweep: SweepTables) -> SweepTables:
    """The runs with the most steps, if the sweep has several lengths."""
    return list(lengths(sweep).values())[-1] if _COLUMN in sweep.columns else sweep


def beside_short() -> str:
    """The findings after short training and at the paper's length, in Markdown.

    Each column decides from its own sweeps, and its intervals hold together with 95 %
    for each finding.
    """
    heads, decisions = [], []
    for words, priors, others in TRAINED:
        of_priors = longest(load.read(priors))
        decided = known_factors.of_priors(of_priors)
        seeds = [len(load.levels(of_priors, "seed"))]
        for sweep in map(load.read, others):
            decided += claims.of(sweep)
            if "df" in load.varying(sweep):
                decided.append(known_factors.cost_of_tails(sweep, of_priors))
            seeds.append(len(load.levels(sweep, "seed")))
        heads.append(f"{words}; {_listed(dict.fromkeys(seeds))} seeds")
        decisions.append({finding.name: finding for finding in decided})
    rows = []
    for name in decisions[0]:
        versions = [column.get(name) for column in decisions]
        verdicts = [f"**{f.verdict}**" if f else "–" for f in versions]
        rows.append([name, decisions[0][name].statement, *verdicts])
        effects_by_label = [
            {c.label: effects.written(c) for c in f.comparisons} if f else {}
            for f in versions
        ]
        rows += [
            ["", label, *(texts.get(label, "–") for texts in effects_by_label)]
            for label in effects_by_label[1]
        ]
    return documents.table(["", "95 % together in each column", *heads], rows)


def _listed(numbers: Iterable[int]) -> str:
    """Numbers as a sentence has them, such as "40, 20 and 10"."""
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last


def table(sweep: SweepTables) -> str:
    """Verdicts and effects, a column for each length, in Markdown."""
    by_length = findings(sweep)
    heads = [
        f"{style.number(length)} epoch{'s' * (length != 1)}" for length in by_length
    ]
    rows = []
    for parts in zip(*by_length.values(), strict=True):
        name, statement = parts[0].name, parts[0].statement
        verdicts = [f"**{finding.verdict}**" for finding in parts]
        rows.append([name, statement, *verdicts])
        for lines in zip(*(finding.comparisons for finding in parts), strict=True):
            rows.append(["", lines[0].label, *map(effects.written, lines)])
    return documents.table(["", "95 % together at each length", *heads], rows)


def beginnings(sweep: SweepTables) -> str:
    """For each score, the epochs from which each prior gains, in Markdown."""
    betas = load.levels(sweep, "beta")
    columns_of = [
        (prior, beta) for prior in known_factors.ANISOTROPIC for beta in betas
    ]
    rows = []
    for score in GAINS:
        cells = [begins(sweep, prior, score, beta) for prior, beta in columns_of]
        rows.append(
            [columns.name(score), *("–" if c is None else f"{c:g}" for c in cells)]
        )
    heads = [
        style.describe({"prior": prior, "beta": beta}, ["prior", "beta"])
        for prior, beta in columns_of
    ]
    return documents.table(["epochs from which the gain stays above 0", *heads], rows)


def begins(sweep: SweepTables, prior: str, score: str, beta: float) -> float | None:
    """Epochs from which the gap of a prior stays above 0, or None."""
    parts = lengths(sweep)
    sides = {"prior": prior, "beta": beta}, {"prior": _BASE, "beta": beta}
    above = [
        summary.interval(effects.gap(part, score, *sides), comparisons=len(parts))[2]
        > 0
        for part in parts.values()
    ]
    first = None
    for steps, shown in zip(parts, above, strict=True):
        first = (first if first is not None else steps) if shown else None
    return None if first is None else epochs(sweep, first)


def figure(sweep: SweepTables) -> Figure:
    """Scores over epochs, a line for each prior and β."""
    seeds = len(load.levels(sweep, "seed"))
    rate = sweep.config["train"]["learning_rate"]
    drawn = style.new(
        8.8,
        6.9,
        note=f"The same {seeds} networks of each setting after training of several "
        f"lengths, at a learning rate of {rate:g}; bands: 95 % intervals of the mean.",
    )
    panels = drawn.subplots(2, 2)
    parts = lengths(sweep)
    for axes, score in zip(panels.ravel(), SCORES, strict=True):
        _panel(axes, parts, score)
        axes.set_xlabel("epochs")
        axes.set_ylabel(style.score(score, per="image"))
    handles, labels = panels[0, 0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside upper center", ncols=2)
    return drawn


def _panel(axes: Axes, parts: dict[float, SweepTables], score: str) -> None:
    longest = list(parts.values())[-1]
    x = [epochs(longest, steps) for steps in parts]
    priors = [
        _BASE,
        *(p for p in known_factors.ANISOTROPIC if p in load.names(longest, "prior")),
    ]
    looks = style.series(priors)
    for prior in priors:
        for beta, dash in zip(load.levels(longest, "beta"), ("-", "--"), strict=False):
            setting = {"prior": prior, "beta": beta}
            scores = [load.values(part, score, **setting) for part in parts.values()]
            label = style.describe(setting, list(setting))
            bands.draw(axes, x, scores, dash, label=label, **looks[prior])
    axes.set_xscale("log")
    axes.set_xticks(x, [style.number(length) for length in x], minor=False)
    axes.minorticks_off()
    style.grid(axes)
