import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp.datasets import shuffle

permuted_index = jax.jit(shuffle.permuted_index, static_argnames="size")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 97, 400, 1000, 65_537])
def test_every_point_appears_once(size):
    order = permuted_index(jax.random.key(3), jnp.arange(size), size=size)
    np.testing.assert_array_equal(np.sort(order), np.arange(size))


def test_every_dsprites_image_appears_once():
    size = 737_280
    order = permuted_index(jax.random.key(0), jnp.arange(size), size=size)
    np.testing.assert_array_equal(np.sort(order), np.arange(size))


def test_any_order_of_four_points_is_equally_likely():
    keys = jax.random.split(jax.random.key(5), 12_000)
    permute = jax.jit(
        jax.vmap(lambda key: shuffle.permuted_index(key, jnp.arange(4), 4))
    )
    orders = permute(keys)
    _, counts = np.unique(np.asarray(orders), axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-3


def test_the_places_of_two_neighbours_are_independent():
    keys = jax.random.split(jax.random.key(6), 20_000)
    places = functools.partial(
        shuffle.permuted_index, position=jnp.arange(2), size=1000
    )
    pairs = jax.jit(jax.vmap(places))(keys)
    table, _, _ = np.histogram2d(*np.asarray(pairs).T, bins=10)
    assert stats.chi2_contingency(table).pvalue > 1e-3


def test_two_keys_give_unrelated_orders():
    first, second = (
        permuted_index(jax.random.key(seed), jnp.arange(5000), size=5000)
        for seed in (0, 1)
    )
    correlation = np.corrcoef(first, second)[0, 1]
    assert abs(correlation) < 4 / np.sqrt(5000)


def test_a_size_below_one_is_refused():
    with pytest.raises(ValueError, match="size must be in"):
        shuffle.permuted_index(jax.random.key(0), jnp.arange(1), 0)
