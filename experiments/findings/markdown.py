"""The tables of RESULTS.md."""

from collections.abc import Sequence

from experiments.findings import conclusions, effects, load, sensitivity
from experiments.findings.effects import Comparison, Finding
from experiments.results import columns
from experiments.system import documents


def overview(findings: Sequence[Finding]) -> str:
    """For each figure, a row per finding with a sentence, an effect and the verdict."""
    parts = []
    for group, members in conclusions.grouped(findings):
        rows = []
        for finding in members:
            link = f"#{finding.name.lower()}"
            first = finding.comparisons[0]
            rows.append(
                [
                    f"[{finding.name}]({link})",
                    f"**{finding.verdict}**",
                    conclusions.sentence(finding),
                    f"{first.label}: {effects.written(first)} ({finding.measure}; "
                    f"[all {len(finding.comparisons)}]({link}))",
                ]
            )
        head = ["", "verdict", "what was found", "first effect, 95 % interval"]
        parts.append(
            f"### {group.title}\n\n{documents.table(head, rows)}\n\n"
            f"![{group.title}](gallery/{group.figure})\n\n*{group.caption}*"
        )
    return "\n\n".join(parts)


def details(findings: Sequence[Finding]) -> str:
    """A section per finding, with all its comparisons."""
    parts = []
    for finding in findings:
        head = [finding.measure, "effect, 95 % together", "expected", "", "n"]
        rows = [
            [
                c.label,
                effects.written(c),
                c.wanted or "–",
                c.answer,
                str(c.n),
            ]
            for c in finding.comparisons
        ]
        parts.append(
            f"### {finding.name}\n\n{sentence(finding.statement)}: "
            f"**{finding.verdict}**. From "
            f"{', '.join(f'`{name}`' for name in finding.sweeps)}.\n\n"
            + documents.table(head, rows)
        )
    return "\n\n".join(parts)


def side_by_side(swept: Sequence[tuple[str, Sequence[Finding]]]) -> str:
    """The same findings of several sweeps: a row for each, and a column for a sweep."""
    head = ["", "statement", *(label for label, _ in swept)]
    rows = []
    for versions in zip(*(findings for _, findings in swept), strict=True):
        cells = [f"**{f.verdict}**; {_first(f.comparisons)}" for f in versions]
        rows.append([versions[0].name, versions[0].statement, *cells])
    return documents.table(head, rows)


def _first(comparisons: Sequence[Comparison]) -> str:
    return f"{comparisons[0].label}: {effects.written(comparisons[0])}"


def runs(names: Sequence[str]) -> str:
    """A table of the sweeps: command, runs, failed runs, time, device, revision."""
    head = ["sweep", "command", "runs", "failed", "minutes", "device", "revision"]
    rows = []
    for name in names:
        sweep = load.read(name)
        command = " ".join(
            word
            for word in sweep.env["command"]
            if word.startswith("--") and not word.startswith("--workdir")
        )
        seconds = sweep.env.get("seconds")
        rows.append(
            [
                f"`{name}`",
                f"`{command}`",
                str(len(sweep.runs) + sweep.failed),
                str(sweep.failed),
                f"{seconds / 60:.0f}" if seconds else "–",
                _devices(sweep.env["devices"]),
                str(sweep.env["revision"]),
            ]
        )
    return documents.table(head, rows)


def _devices(devices: Sequence[str]) -> str:
    """The devices of a sweep, in two or three words."""
    return f"{len(devices)} × {devices[0].upper().removeprefix('NVIDIA ')}"


def machine(name: str) -> str:
    """The machine of a sweep, in one line."""
    env = load.read(name).env
    packages = ", ".join(f"{k} {v}" for k, v in env["packages"].items())
    devices = f"{len(env['devices'])} × {env['devices'][0]}"
    return f"{env['machine']}, {devices}; Python {env['python']}, {packages}."


def changes(names: list[str]) -> str:
    """The variants of Figure 1, left, score by score."""
    head = ["", "seeds", "−log p(x∣z)", "score", *sensitivity.COMPARED]
    rows, before = [], ""
    for line in sensitivity.lines(names):
        new = line.variant != before
        before = line.variant
        start = [
            line.variant,
            str(line.seeds),
            effects.plus_minus(*line.reconstruction, ""),
        ]
        rows.append(
            [*(start if new else [""] * 3), line.score]
            + [
                effects.plus_minus(*effect) if effect else "–"
                for effect in line.effects
            ]
        )
    return documents.table(head, rows)


def precision() -> str:
    """Lower precisions minus float32, the mean over six settings, paired by seed."""
    reference = load.read("shapes")
    names = ("bfloat16", "bfloat16_activations")
    tables = [sensitivity.precision(load.read(name), reference) for name in names]
    rows = []
    for lines in zip(*tables, strict=True):
        score, *_, seeds = lines[0]
        gaps = [effects.plus_minus(mean, half) for _, mean, half, _ in lines]
        rows.append([columns.name(score), *gaps, str(seeds)])
    head = [f"`{name}` − `float32`" for name in names]
    return documents.table(["95 % together", *head, "seeds"], rows)


def objectives(name: str) -> str:
    """The β-TCVAE minus the β-VAE, paired by seed."""
    lines = sensitivity.objectives(load.read(name), "beta_tcvae", "beta_vae")
    rows = [
        [f"β = {beta:g}", *(effects.plus_minus(*gap) for gap in gaps)]
        for beta, gaps in lines
    ]
    return documents.table(
        ["β-TCVAE − β-VAE", *map(columns.name, sensitivity.SCORES)], rows
    )


def sentence(statement: str) -> str:
    """The statement with a capital first letter, unless it is Greek."""
    first = statement[0]
    return (first.upper() if first.isascii() else first) + statement[1:]
