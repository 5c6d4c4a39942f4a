import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics.solvers import outer_products

RNG = np.random.default_rng(0)


def test_weighted_sums_agree_with_loops():
    x, weights = RNG.normal(size=(7, 4)), RNG.normal(size=(3, 7))
    products = outer_products.products(jnp.float32(x))
    assert products.shape == (7, 10)
    exact = [sum(w[n] * np.outer(x[n], x[n]) for n in range(7)) for w in weights]
    sums = outer_products.weighted(jnp.float32(weights), products)
    np.testing.assert_allclose(sums, exact, rtol=1e-4, atol=1e-5)


def test_inverses_ignore_rows_and_columns_of_zeros():
    roots = RNG.normal(size=(2, 5, 9))
    matrices = roots @ roots.swapaxes(1, 2) * np.array([1e-12, 1e6])[:, None, None]
    padded = np.insert(np.insert(matrices, 2, 0, axis=1), 2, 0, axis=2)
    inverses = jax.jit(outer_products.inverse)(jnp.float32(padded))
    exact = np.linalg.inv(matrices)
    exact = np.insert(np.insert(exact, 2, 0, axis=1), 2, 0, axis=2)
    for a, b in zip(inverses, exact, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3 * np.abs(b).max())
