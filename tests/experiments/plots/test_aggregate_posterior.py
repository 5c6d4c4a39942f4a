import matplotlib.style
import numpy as np

from experiments.plots import aggregate_posterior, style
from experiments.results import reading

GRID = np.linspace(-2, 2, 12)


def titles(settings):
    """The titles of the panels, row by row."""
    shape = (len(settings), len(GRID), len(GRID))
    bell = np.exp(-(GRID[:, None] ** 2) - GRID[None, :] ** 2) / np.pi
    pictures = {"density_grid": GRID} | {
        name: np.broadcast_to(bell, shape) for name in ("density", "prior_density")
    }
    results = reading.Results({}, [], None, settings, pictures)
    with matplotlib.style.context(["default", style.RC]):
        (figure,) = aggregate_posterior.aggregate_posterior(results).values()
        figure.draw_without_rendering()
    rows = {}
    for axes in figure.axes[:-1]:  # the last is the colour bar
        rows.setdefault(axes.get_subplotspec().rowspan.start, []).append(axes)
    return [[axes.get_title() for axes in row] for row in rows.values()]


def test_settings_of_different_divergences_fill_rows_of_equal_length():
    names = ["none", "kl_prior_aggregate", "mmd_rbf", "mmd_imq", "moments"]
    settings = [
        {"divergence": name, "alpha": float(i), "beta": 0.0}
        for i, name in enumerate([*names, "jensen_shannon", "sliced_wasserstein"])
    ]
    first, second = titles(settings)
    assert (len(first), len(second)) == (4, 3)
    assert first[:2] == ["none, α = 0", "KL(p‖q), α = 1"]
    assert second[-1] == "sliced Wasserstein, α = 6"


def test_settings_without_alpha_are_in_rows_above_those_with_it():
    settings = [{"alpha": 0.0, "beta": beta} for beta in (0.3, 1.0)]
    settings += [{"alpha": 2.0, "beta": 0.0}]
    assert titles(settings) == [["β = 0.3", "β = 1"], ["α = 2"]]
