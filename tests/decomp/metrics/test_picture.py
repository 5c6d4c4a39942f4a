"""The figure of a sheet has its marks at the values of the lines."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from decomp import metrics
from decomp.metrics import dci, mig, picture

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, 3, (90, 2))
CODES = np.c_[FACTORS, np.zeros(90)]
NAMES = ["mig, locatello", "hoyer", "active units", "irs, suter"]


def maps_of(codes, factors, **options):
    """The maps without any score; by default both."""
    options = {"maps": ["information", "importance"]} | options
    return metrics.score(codes, factors, metrics=[], **options).maps


def test_a_perfect_code_has_full_cells_in_the_maps():
    maps = maps_of(CODES, FACTORS, names=["shape", "size"])
    assert maps.names == ("shape", "size")
    other_cells = maps.information[[0, 1], [1, 0]]
    np.testing.assert_allclose(maps.information[[0, 1], [0, 1]], 1, atol=1e-6)
    assert (other_cells < 0.1).all()
    np.testing.assert_allclose(maps.importance.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_array_equal(maps.importance[2], 0)
    assert (maps.importance[[0, 1], [0, 1]] > 0.8).all()
    alone = maps_of(CODES, FACTORS, maps=["information"])
    assert list(alone.named()) == ["information"]


def test_the_maps_of_a_sheet_are_those_of_its_scores():
    names = ["mig, locatello", "dci completeness, forest"]
    options = {"maps": ["information", "importance"]}
    table = metrics.score(CODES, FACTORS, metrics=names, **options)
    parts = dci.from_importance(table.maps.importance)
    values = [line.value for line in table]
    np.testing.assert_allclose(values[1], parts.completeness, atol=1e-6)
    gaps = mig.from_information(table.maps.information, np.ones(2), np.ones(2))
    np.testing.assert_allclose(values[0], gaps.score, atol=1e-6)
    again = maps_of(CODES, FACTORS)
    np.testing.assert_array_equal(again.importance, table.maps.importance)
    assert metrics.score(CODES, FACTORS, metrics=names[:1]).maps is None


def test_an_unknown_map_is_refused_in_one_line():
    with pytest.raises(ValueError, match="'mig'; choices: information, importance"):
        maps_of(CODES, FACTORS, maps=["mig"])


def test_constant_factors_have_no_information_and_no_importance():
    (nothing,) = maps_of(CODES, 0 * FACTORS).named().values()
    np.testing.assert_array_equal(nothing, np.zeros((3, 2)))


@pytest.mark.parametrize("intervals", [0, 6])
def test_values_and_intervals_are_drawn_at_their_positions(intervals):
    lines = metrics.score(CODES, FACTORS, metrics=NAMES, intervals=intervals)
    maps = maps_of(CODES, FACTORS, maps=["information"])
    figure = Figure(figsize=picture.size(lines, maps))
    axes = picture.draw(figure, lines, maps)
    assert len(figure.axes) == 3  # the third is the colour bar of the map
    shares = [line for line in lines if line.metric != "active units"]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    positions = [float(np.ravel(dot.get_xdata())[0]) for dot in dots]
    np.testing.assert_allclose(positions, [line.value for line in shares])
    bars = [line.get_xdata() for line in axes.lines if line.get_marker() != "o"]
    ends = [[line.low, line.high] for line in shares if intervals]
    np.testing.assert_allclose(np.array(bars), np.array(ends))
    (label,) = [text.get_text() for text in axes.texts]
    assert label.startswith("2")


def test_one_map_is_drawn_by_itself_with_its_names():
    maps = maps_of(CODES, FACTORS, names=["shape", "size"], maps=["information"])
    figure = Figure(figsize=picture.map_size(maps))
    axes = picture.draw_map(figure, maps, "information")
    np.testing.assert_array_equal(axes.images[0].get_array(), maps.information)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["shape", "size"]
    assert axes.get_title() == "I(z; v) / H(v)"
