import matplotlib.style
import numpy as np
import pytest

from experiments.plots import sparsity, style
from experiments.results import reading

SPIKES = [0.8, 0.0, 0.95, 0.5, 0.9]
CLASSES, LATENTS = 3, 6


def results_of(*, alphas=(0.0,), **changes):
    """Results of a sweep of the spike; the score of a setting is its spike."""
    settings = [
        {"prior": "spike_slab", "spike": spike, "alpha": alpha}
        for alpha in alphas
        for spike in SPIKES
    ]
    rows = [
        reading.RunRow(
            s, {"hoyer": reading.Cell(4, 0, s["spike"], s["spike"] - 0.1, 1.0)}
        )
        for s in settings
    ]
    magnitude = np.random.default_rng(0).uniform(
        0, 1, (len(settings), CLASSES, LATENTS)
    )
    config = {"figure_line": "alpha", "figure_label": "spike", "title": "Sparse"}
    pictures = {"class_magnitude": magnitude}
    return reading.Results(config, rows, None, settings, pictures)._replace(**changes)


def panels_of(results):
    """The panel of lines, the panels of matrices and the colour bar."""
    with matplotlib.style.context(["default", style.RC]):
        figure = sparsity.sparsity(results)["sparsity"]
    left, *panels, bar = figure.axes
    return left, panels, bar


def test_a_line_per_value_has_equally_spaced_labels():
    left, _, _ = panels_of(results_of(alphas=(10.0, 0.0)))
    assert len(left.lines) == 2
    for line in left.lines:
        np.testing.assert_array_equal(line.get_xdata(), range(5))
        np.testing.assert_array_equal(line.get_ydata(), sorted(SPIKES))
    ticks = [text.get_text() for text in left.get_xticklabels()]
    assert ticks == ["0", "0.5", "0.8", "0.9", "0.95"]
    left.figure.draw_without_rendering()
    legend = [text.get_text() for text in left.get_legend().get_texts()]
    assert legend == ["α = 10", "α = 0"]


def test_matrices_show_a_line_at_its_labels_with_latents_sorted_by_their_total():
    results = results_of()
    stored = results.pictures["class_magnitude"]
    _, panels, bar = panels_of(results)
    assert [axes.get_title() for axes in panels] == [
        f"spike = {spike}" for spike in ("0", "0.5", "0.8", "0.9")
    ]
    for axes, i in zip(panels, [1, 3, 0, 4], strict=True):
        order = np.argsort(-stored[i].sum(axis=0))
        np.testing.assert_array_equal(axes.images[0].get_array(), stored[i][:, order])
    top = stored[[1, 3, 0, 4]].max()
    assert {axes.images[0].norm.vmax for axes in panels} == {top}
    assert bar.get_ylim() == (0, top)


def test_each_line_shows_the_same_labels():
    _, panels, _ = panels_of(results_of(alphas=(10.0, 0.0)))
    titles = [axes.get_title() for axes in panels]
    assert titles == [
        f"spike = {spike}, α = {alpha}" for alpha in (0, 10) for spike in ("0", "0.8")
    ]


def test_classes_have_their_names_or_else_numbers():
    results = results_of()
    _, panels, _ = panels_of(results)
    assert [text.get_text() for text in panels[0].get_yticklabels()] == ["0", "1", "2"]
    names = np.array(["trouser", "shirt", "dress"])
    _, panels, _ = panels_of(
        results._replace(pictures=results.pictures | {"class_names": names})
    )
    labels = [[text.get_text() for text in axes.get_yticklabels()] for axes in panels]
    assert labels[0] == labels[2] == names.tolist()
    assert labels[1] == labels[3]
    assert not any(labels[1])


def test_a_setting_without_a_finished_run_is_marked_as_diverged():
    results = results_of()
    results.pictures["class_magnitude"][1] = np.nan
    _, panels, _ = panels_of(results)
    assert panels[0].get_title() == "spike = 0: diverged"
    assert np.isfinite(panels[0].images[0].norm.vmax)


def test_absent_inputs_are_missing_and_wrong_shapes_are_errors():
    results = results_of()
    for changes, message in [
        ({"summary": None}, "no summary.csv"),
        ({"summary": [reading.RunRow(results.settings[0], {})]}, "no score 'hoyer'"),
        ({"pictures": None}, "no pictures.npz"),
        ({"pictures": {"side": np.array(28)}}, "no array 'class_magnitude'"),
        ({"settings": None}, "no settings.json"),
    ]:
        with pytest.raises(reading.Missing, match=message):
            sparsity.sparsity(results._replace(**changes))
    with pytest.raises(ValueError, match=r"\(4, 'any', 'any'\) .* got \(5, 3, 6\)"):
        sparsity.sparsity(results._replace(settings=results.settings[:4]))
