"""Images rendered on a grid: looks, correlated factors, held-out combinations."""

import csv
import json
import math

import jax
import numpy as np
import pytest

from configs import correlated
from configs import heads as config_of_heads
from decomp.datasets import dsprites, heads
from experiments import main
from experiments.config import settings
from experiments.data import factor_grid, loaders, rendered
from experiments.sweep import layout

KEY = jax.random.key(0)


def config(module=correlated, variants="laptop,smoke", **fields):
    """A validated config; `images` and `scored` are of `evaluate`, others of `data`."""
    unlocked_config = module.get_config(variants)
    with unlocked_config.unlocked():
        unlocked_config.evaluate.images = fields.pop("images", "trained")
        unlocked_config.evaluate.points = fields.pop("scored", 0)
        for name, value in fields.items():
            unlocked_config.data[name] = value
    return settings.validate(unlocked_config)[0]


def test_trained_images_have_correlated_factors_and_scored_images_have_not():
    correlated_config = config(points=3_000, images="all", scored=2_000)
    data = loaders.load(correlated_config)
    scored = loaders.scored(KEY, correlated_config, data)
    of_trained, of_scored = (
        np.corrcoef(d.factors.T.astype(float)) for d in (data, scored)
    )
    assert of_trained[1, 3] > 0.6
    others = ~np.eye(5, dtype=bool)
    others[[1, 3], [3, 1]] = False
    assert abs(of_trained[others]).max() < 4 / math.sqrt(3_000)
    assert abs(of_scored[~np.eye(5, dtype=bool)]).max() < 4 / math.sqrt(2_000)
    np.testing.assert_array_equal(
        data.points, dsprites.pooled(dsprites.render(data.factors), side=16)
    )


@pytest.mark.parametrize(
    "pair", [pytest.param((), marks=pytest.mark.slow), ("scale", "x")]
)
def test_held_out_combinations_are_scored_and_never_trained_on(pair):
    held_out_config = config(
        correlated=pair,
        held_out="shape=2,x=16..31",
        points=4_000,
        images="held_out",
        scored=1_000,
    )
    data = loaders.load(held_out_config)
    assert not ((data.factors[:, 0] == 2) & (data.factors[:, 3] >= 16)).any()
    np.testing.assert_array_equal(data.factors.max(axis=0), [2, 5, 39, 31, 31])
    if not pair:
        assert len(np.unique(dsprites.flat_index(data.factors))) == 4_000
    scored = loaders.scored(KEY, held_out_config, data)
    assert scored.factor_names == ("scale", "orientation", "x", "y")  # one shape only
    assert scored.factors.shape == (1_000, 4)
    assert scored.factors[:, 2].min() == 16
    _, programs = settings.validate(held_out_config)
    sweep = layout.sweeps(programs, None)[0]
    assert sweep.vae.factor_sizes == (6, 40, 32, 32)
    assert factor_grid.held_out(held_out_config.data) == 737_280 // 6
    assert factor_grid.images(held_out_config.data) == 737_280 * 5 // 6


def test_without_correlation_the_subset_is_that_of_plain_dsprites():
    plain_config = config(correlated=(), points=500)
    classes = loaders.load(plain_config).factors
    data_key = jax.random.fold_in(jax.random.key(0), 0)
    order = np.random.default_rng(np.asarray(jax.random.key_data(data_key)))
    subset = np.sort(order.choice(737_280, 500, replace=False))
    np.testing.assert_array_equal(dsprites.flat_index(classes), subset)


@pytest.mark.parametrize("look", ["colour", "noise"])
@pytest.mark.parametrize("side", [16, 64])
def test_a_look_has_three_channels_and_is_the_same_for_each_image(look, side):
    fields = {"look": look, "side": side, "points": 300, "correlated": ()}
    look_config = config(**fields)
    data = loaders.load(look_config)
    two_images = rendered.sprites_at(
        dsprites.flat_index(data.factors[[7, 3]]), look_config
    )
    assert data.shape == (side, side, 3)
    assert data.decode is two_images.decode
    decode = jax.jit(data.decode)
    x = np.asarray(decode(data.points))
    assert x.shape == (300, side * side * 3)
    assert 0 <= x.min() < x.max() <= 1
    np.testing.assert_allclose(decode(two_images.points), x[[7, 3]], atol=1e-7)
    plain = loaders.load(config(**fields | {"look": "plain"}))
    white = np.asarray(jax.jit(plain.decode)(plain.points))
    assert (x.reshape(300, -1, 3)[white == 1] >= 0.5).all()
    black = x.reshape(300, -1, 3)[white == 0]
    assert not black.any() if look == "colour" else abs(black.mean() - 0.5) < 0.01


def test_heads_are_averaged_down_and_count_the_pixels_per_value():
    heads_config = config(config_of_heads, points=20, side=16)
    data = loaders.load(heads_config)
    assert (data.shape, data.pixels_per_value) == ((16, 16, 1), 16)
    assert data.factor_names == heads.FACTOR_NAMES
    pixels = heads.render(data.factors).reshape(20, 16, 4, 16, 4)
    means = np.floor(pixels.mean(axis=(2, 4)) + 0.5).reshape(20, 256)
    np.testing.assert_array_equal(data.points, means)


def test_principal_axes_are_stored_under_a_name_of_their_images():
    names = [
        rendered._kept_as(config(**fields, points=0), 16)
        for fields in (
            {"correlated": ()},
            {},
            {"correlation": 0.4},
            {"look": "noise"},
            {"correlated": (), "held_out": "shape=2,x=3..9"},
        )
    ]
    assert names == [
        "dsprites-16",
        "dsprites-16-scale-x-0.2",
        "dsprites-16-scale-x-0.4",
        "dsprites-16-noise-scale-x-0.2",
        "dsprites-16-shape=2,x=3..9",
    ]
    assert rendered._kept_as(config(points=512), 16) == ""


def in_colour():
    """A config of coloured sprites; the held-out ones are scored."""
    colour_config = config(
        correlated=(),
        held_out="scale=4..5,x=16..31",
        look="colour",
        side=8,
        points=256,
        images="held_out",
        scored=128,
    )
    with colour_config.unlocked():
        colour_config.seeds = 1
        colour_config.prior.name = ("isotropic",)
        colour_config.objective.beta = (1.0,)
        colour_config.evaluate.metrics = ("mig",)
    return colour_config


def test_a_sweep_traces_when_trained_and_scored_images_differ():
    _, programs = settings.validate(in_colour())
    sweep = layout.sweeps(programs, None)[0]
    init, advance, scores = layout.functions(sweep)
    setting = jax.tree.map(lambda leaf: leaf[0], sweep.settings)
    state = jax.eval_shape(init, KEY, setting)
    points, factors = sweep.scored.points, sweep.scored.factors.astype(np.int32)
    jax.eval_shape(advance, state, KEY, setting, sweep.data.points, np.int32(1))
    score_shapes = jax.eval_shape(scores, state.params, KEY, setting, points, factors)
    assert {"reconstruction", "mig", "kim_mnih_pruned"} <= set(score_shapes)


@pytest.mark.slow
def test_a_sweep_in_colour_is_scored_on_the_held_out_images(tmp_path):
    main.run(*settings.validate(in_colour()), tmp_path)
    with (tmp_path / "scores.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["status"] == "ok"
    assert math.isfinite(float(row["mig"]))
    with np.load(tmp_path / "pictures.npz") as pictures:
        assert pictures["originals"].shape == (1, 8, 8, 8, 3)
    stored = json.loads((tmp_path / "config.json").read_text())
    assert stored["data"]["held_out"] == "scale=4..5,x=16..31"
