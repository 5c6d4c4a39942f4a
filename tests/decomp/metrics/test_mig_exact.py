import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import mig
from tests.decomp.metrics import cases

SIZES = (3, 4)
FACTORS = cases.grid(*SIZES)


def _posteriors():
    """Posteriors of three dimensions of factors with 3 and 4 values; one is noise."""
    loc = FACTORS @ np.array([[1.0, 0.4, 0.0], [0.0, 1.0, 0.0]])
    return loc, 0.3 + 0.1 * FACTORS[:, :1] * np.ones(3)


def _quadrature(loc, scale):
    """I(z_d; v_f) by loops and the trapezoidal rule in float64, `[D, F]`."""
    z = np.linspace(-6, 14, 8001)
    out = np.zeros((loc.shape[1], len(SIZES)))
    for d, f in itertools.product(range(loc.shape[1]), range(len(SIZES))):
        density = np.array(
            [
                np.exp(-0.5 * ((z - m) / s) ** 2) / (s * np.sqrt(2 * np.pi))
                for m, s in zip(loc[:, d], scale[:, d], strict=True)
            ]
        )
        density = np.maximum(density, 1e-300)
        qz = density.mean(axis=0)
        for v in np.unique(FACTORS[:, f]):
            rows = FACTORS[:, f] == v
            qz_v = density[rows].mean(axis=0)
            terms = qz_v * np.log(qz_v / qz)
            out[d, f] += rows.mean() * np.trapezoid(terms, z)
    return out


@pytest.fixture(scope="module")
def runs():
    """Two runs and their scores, computed in tiles of 5 points, the last one padded."""
    loc, scale = _posteriors()
    q = Gaussian(jnp.float32([loc, 2 * loc]), jnp.float32([scale, scale]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mig, "TILE", 5)
        exact = partial(_exact, block=1000)
        return q, jax.jit(jax.vmap(exact))(jnp.arange(2), q)


def _exact(seed, q, block):
    options = {"sizes": SIZES, "num_samples": 20_000, "block": block}
    return mig.exact(jax.random.key(seed), q, FACTORS, **options)


@pytest.mark.parametrize("r", range(2))
def test_the_information_agrees_with_quadrature_and_so_does_the_gap(runs, r):
    loc, scale = _posteriors()
    truth = _quadrature(loc * (1 + r), scale)
    out = mig.Exact(*(leaf[r] for leaf in runs[1]))
    error = np.abs(out.information - truth)
    assert np.all(error <= 4 * out.information_stderr + 1e-6)
    gaps = np.sort(truth, axis=0)[-1] - np.sort(truth, axis=0)[-2]
    value = np.mean(gaps / np.log(SIZES))
    assert 0.1 < value < 0.9
    assert abs(out.score - value) < 4 * out.stderr
    assert out.stderr < 0.01
    np.testing.assert_allclose(out.entropy, np.log(SIZES), rtol=1e-6)


def test_results_do_not_depend_on_blocks_tiles_and_vmap(runs):
    q, batch = runs
    alone = jax.jit(partial(_exact, block=2000))
    for r in range(2):
        out = alone(r, Gaussian(q.loc[r], q.scale[r]))
        np.testing.assert_allclose(batch.score[r], out.score, rtol=1e-4)
        np.testing.assert_allclose(batch.stderr[r], out.stderr, rtol=1e-4)


def test_scales_of_any_size_and_points_of_unequal_classes_are_weighted_correctly():
    # Ten points have value 0 and two have value 1, far apart: I = H(v), as samples give
    # log(12/10) or log(12/2). The code without the factor gives 0.
    label = np.repeat([0, 1], [10, 2])
    loc = np.stack([label * 1e-3, 0 * label], axis=1)
    q = Gaussian(jnp.float32(loc), jnp.full((12, 2), jnp.float32([[1e-6, 1e4]])))
    exact = jax.jit(partial(mig.exact, sizes=(2,), num_samples=2000, block=500))
    out = exact(jax.random.key(0), q, label[:, None])
    entropy = cases.entropy(label)
    np.testing.assert_allclose(out.entropy, entropy, rtol=1e-5)
    error = 4 * out.information_stderr[0, 0] + 1e-5
    np.testing.assert_allclose(out.information[0, 0], entropy, atol=error)
    np.testing.assert_allclose(out.information[1], 0, atol=1e-5)
