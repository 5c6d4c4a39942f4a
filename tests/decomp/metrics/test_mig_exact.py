import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import discrete, mig

SIZES = (5, 6, 7)
exact = jax.jit(mig.exact, static_argnames=("sizes", "num_samples", "counted", "block"))


def _grid(sizes=SIZES):
    return np.array(list(itertools.product(*map(range, sizes))), np.int32)


def _posteriors():
    """Two factors of 3 and 4 values in three dimensions, one of them without either."""
    factors = _grid((3, 4))
    loc = factors @ np.array([[1.0, 0.4, 0.0], [0.0, 1.0, 0.0]])
    scale = 0.3 + 0.1 * factors[:, :1] * np.ones(3)
    return factors, loc, scale


def _quadrature(factors, loc, scale):
    """I(z_d; v_f) by loops and the trapezoidal rule in float64, `[D, F]`."""
    z = np.linspace(-6, 10, 8001)
    out = np.zeros((loc.shape[1], factors.shape[1]))
    for d, f in itertools.product(range(loc.shape[1]), range(factors.shape[1])):
        density = np.array(
            [
                np.exp(-0.5 * ((z - m) / s) ** 2) / (s * np.sqrt(2 * np.pi))
                for m, s in zip(loc[:, d], scale[:, d], strict=True)
            ]
        )
        density = np.maximum(density, 1e-300)
        qz = density.mean(axis=0)
        for v in np.unique(factors[:, f]):
            rows = factors[:, f] == v
            qz_v = density[rows].mean(axis=0)
            terms = qz_v * np.log(qz_v / qz)
            out[d, f] += rows.mean() * np.trapezoid(terms, z)
    return out


def test_the_exact_information_agrees_with_quadrature_and_so_does_the_gap():
    factors, loc, scale = _posteriors()
    q = Gaussian(jnp.float32(loc), jnp.float32(scale))
    out = exact(
        jax.random.key(0), q, factors, sizes=(3, 4), num_samples=20_000, block=1000
    )
    truth = _quadrature(factors, loc, scale)
    error = np.abs(out.information - truth)
    assert np.all(error <= 4 * out.information_stderr + 1e-6)
    gaps = np.sort(truth, axis=0)[-1] - np.sort(truth, axis=0)[-2]
    value = np.mean(gaps / np.log([3, 4]))
    assert 0.1 < value < 0.9
    assert abs(out.score - value) < 4 * out.stderr
    assert out.stderr < 0.01


def test_the_latents_are_not_mixed_up_with_the_samples():
    # D4: `.view(D, S)` in place of a transpose; the gap fell to about 0.001.
    factors = _grid((6, 6))
    loc = np.concatenate([factors, np.zeros((36, 8))], axis=1)
    q = Gaussian(jnp.float32(loc), jnp.full((36, 10), 0.05))
    out = exact(jax.random.key(0), q, factors, sizes=(6, 6), num_samples=500, block=100)
    np.testing.assert_allclose(out.score, 1, atol=1e-3)
    np.testing.assert_array_equal(out.best, [0, 1])
    np.testing.assert_allclose(out.information[2:], 0, atol=1e-5)


def test_narrow_posteriors_at_the_factors_reach_one():
    for scale in (1e-2, 1e-6):
        q = Gaussian(jnp.float32(_grid()), jnp.full((210, 3), scale))
        out = exact(
            jax.random.key(1), q, _grid(), sizes=SIZES, num_samples=300, block=100
        )
        # What the others seem to hold is chance: within 4 errors of 0 on 300 samples.
        np.testing.assert_allclose(out.score, 1, atol=4 * out.stderr + 1e-6)
        assert out.stderr < 1e-2


def test_equal_posteriors_have_no_gap_and_broken_ones_no_number():
    q = Gaussian(jnp.full((210, 3), 0.3), jnp.full((210, 3), 0.7))
    one = partial(exact, sizes=SIZES, num_samples=300, block=100)
    np.testing.assert_allclose(one(jax.random.key(0), q, _grid()).score, 0, atol=1e-5)
    bad = q._replace(loc=q.loc.at[4, 1].set(jnp.nan))
    assert jnp.isnan(one(jax.random.key(0), bad, _grid()).score)


def test_the_block_changes_the_memory_and_runs_may_be_mapped():
    factors, loc, scale = _posteriors()
    q = Gaussian(jnp.float32([loc, 2 * loc]), jnp.float32([scale, scale]))
    keys = jax.random.split(jax.random.key(0), 2)
    labels, sizes = discrete.classes(factors)
    one = partial(exact, factors=labels, sizes=sizes, num_samples=60)
    together = jax.vmap(partial(one, block=30))(keys, q)
    for r in range(2):
        alone = one(keys[r], Gaussian(q.loc[r], q.scale[r]), block=7)
        np.testing.assert_allclose(together.score[r], alone.score, rtol=1e-4)
