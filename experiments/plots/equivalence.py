"""R12: the codes of L_{H,β} against those of the β-VAE, for each seed."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.plots import style
from experiments.results import reading

_OBJECTIVES = ("beta_vae", "entropy_regularised")


def equivalence(results: reading.Results) -> dict[str, Figure]:
    """Draws the ratio of posterior standard deviations and the two reconstructions.

    The ratio is the geometric mean over latents and points: exp of half the difference
    of the means of log|S|, over D. By theory it is √β, and reconstructions are equal.

    Args:
        results: Results with scores.csv, which has log_det and reconstruction of both
            objectives.

    Returns:
        One figure by name.
    """
    pairs = _pairs(results)
    latents = results.config["model"]["latents"]
    if isinstance(latents, list):
        raise reading.Missing("model.latents is swept, but the ratio needs a single D")
    betas = np.array([beta for beta, _ in pairs])
    plain = np.array([pair[0] for _, pair in pairs])  # [pairs, 2]
    entropy = np.array([pair[1] for _, pair in pairs])
    ratio = np.exp((entropy[:, 0] - plain[:, 0]) / (2 * latents))
    off = 100 * np.abs(ratio / np.sqrt(betas) - 1)
    apart = np.abs(entropy[:, 1] - plain[:, 1])
    figure = style.new(
        8.4,
        3.9,
        str(results.config.get("title", "")),
        f"{len(pairs)} pairs of runs of one seed; the ratio is off √β by "
        f"{off.mean():.2g} % on average, {off.max():.2g} % at most; reconstructions "
        f"differ by {apart.mean():.2g} nats on average",
    )
    left, right = figure.subplots(1, 2)
    looks = style.series(sorted(set(betas.tolist())))
    for beta, colours in looks.items():
        chosen, look = betas == beta, colours | {"linestyle": "none", "alpha": 0.6}
        left.plot(betas[chosen], ratio[chosen], **look)
        losses = plain[chosen, 1], entropy[chosen, 1]
        right.plot(*losses, **look, label=f"β = {beta:g}")
    _ratio_axes(left, list(looks))
    both = np.concatenate([plain[:, 1], entropy[:, 1]])
    ends = [both.min(), both.max()]
    right.plot(ends, ends, color=style.GREY, linewidth=1.0, zorder=0)
    right.set_xlabel("reconstruction loss of $L_β$  (nats)")
    right.set_ylabel("that of $L_{H,β}$")
    right.legend()
    return {"equivalence": figure}


def _ratio_axes(axes: Axes, betas: list[float]) -> None:
    """Logarithmic axes with the line of √β."""
    grid = np.geomspace(betas[0] / 1.2, betas[-1] * 1.2, 50)
    axes.plot(grid, np.sqrt(grid), color=style.GREY, linewidth=1.0, zorder=0)
    axes.annotate("√β", (grid[-1], np.sqrt(grid[-1])), color=style.GREY, ha="right")
    axes.set(xscale="log", yscale="log", xlabel="β")
    axes.set_ylabel("ratio of posterior standard deviations,\n$L_{H,β}$ over $L_β$")
    axes.set_xticks(betas, [f"{beta:g}" for beta in betas])
    ticks = np.sqrt(betas)
    axes.set_yticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axes.minorticks_off()


def _pairs(results: reading.Results) -> list[tuple[float, np.ndarray]]:
    """β, and log_det and reconstruction of both objectives `[2, 2]`, per seed."""
    if not results.scores:
        raise reading.Missing("there is no scores.csv, or it is empty")
    by_seed: dict[tuple, dict[str, list]] = {}
    for row in results.scores.values():
        if row.get("status") == "ok" and "log_det" in row:
            key = (row["beta"], row["seed"])
            values = [row["log_det"], row["reconstruction"]]
            by_seed.setdefault(key, {})[str(row.get("objective"))] = values
    pairs = [
        (float(beta), np.array([runs[name] for name in _OBJECTIVES]))
        for (beta, _), runs in by_seed.items()
        if set(_OBJECTIVES) <= set(runs)
    ]
    if not pairs:
        raise reading.Missing(f"scores.csv has no pair of {' and '.join(_OBJECTIVES)}")
    return pairs
