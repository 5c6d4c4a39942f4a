from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.divergences import mmd

BANDWIDTHS = (0.7, 2.0)
IMQ, IMQ_1D = partial(mmd.imq, latents=3), mmd.imq
RBF = partial(mmd.rbf, bandwidths=BANDWIDTHS)
COUNTS, DIMS = (6, 9), 2  # S, T and D of the closed form
rbf = partial(mmd.rbf, bandwidths=(0.7,))


@jax.jit
def statistics(z, y):
    return {
        "u": (mmd.u_statistic(z, y, IMQ), mmd.u_statistic(z, y, RBF)),
        "v": (mmd.v_statistic(z, y, IMQ), mmd.v_statistic(z, y, RBF)),
        "u_dims": (mmd.u_statistic_dims(z, y, IMQ_1D), mmd.u_statistic_dims(z, y, RBF)),
        "v_dims": (mmd.v_statistic_dims(z, y, IMQ_1D), mmd.v_statistic_dims(z, y, RBF)),
    }


def imq_by_hand(squared, dims):
    return sum(
        2 * dims * s / (2 * dims * s + squared) for s in (0.1, 0.2, 0.5, 1, 2, 5)
    )


def rbf_by_hand(squared, dims):
    del dims
    return np.mean([np.exp(-squared / (2 * h * h)) for h in BANDWIDTHS])


def by_hand(z, y, kernel, *, distinct):
    def mean(a, b, *, distinct):
        values = [
            kernel(np.sum((a[i] - b[j]) ** 2), a.shape[1])
            for i in range(len(a))
            for j in range(len(b))
            if not distinct or i != j
        ]
        return np.mean(values)

    within = mean(z, z, distinct=distinct) + mean(y, y, distinct=distinct)
    return within - 2 * mean(z, y, distinct=False)


def test_statistics_agree_with_slow_loops():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(5, 3)), rng.normal(0.5, 2.0, size=(4, 3))
    with jax.enable_x64(True):
        values = statistics(z, y)
    for name, distinct in (("u", True), ("v", False)):
        for i, kernel in enumerate((imq_by_hand, rbf_by_hand)):
            exact = by_hand(z, y, kernel, distinct=distinct)
            np.testing.assert_allclose(values[name][i], exact, rtol=1e-12)
            columns = [
                by_hand(z[:, [d]], y[:, [d]], kernel, distinct=distinct)
                for d in range(3)
            ]
            np.testing.assert_allclose(values[f"{name}_dims"][i], sum(columns), 1e-12)


@jax.jit
def samples_of_statistics(seed, shift, scale):
    """200 values of both statistics of z ~ N(shift, scale² I) and y ~ N(0, I)."""

    def once(i):
        key = jax.random.fold_in(jax.random.key(seed), i)
        noise = jax.random.normal(key, (sum(COUNTS), DIMS))
        z, y = shift + scale * noise[: COUNTS[0]], noise[COUNTS[0] :]
        return mmd.u_statistic(z, y, rbf), mmd.v_statistic(z, y, rbf)

    return jax.lax.map(once, jnp.arange(200))


def stderr(values):
    return np.std(values, ddof=1) / np.sqrt(len(values))


def test_between_equal_distributions_u_is_zero_on_average_and_v_is_not_negative():
    u, v = map(np.float64, samples_of_statistics(0, 0.0, 1.0))
    assert abs(u.mean()) < 4 * stderr(u)
    assert np.any(u < 0)
    assert np.all(v >= 0)


def expected_kernel(variance, shift):
    """E exp(−d²/2h²) if each dimension of d is N(shift, variance)."""
    total = variance + 0.7**2
    return (0.7 / np.sqrt(total) * np.exp(-(shift**2) / (2 * total))) ** DIMS


def test_expectations_between_gaussians_are_their_closed_form():
    shift, scale = 0.6, 1.5
    u, v = map(np.float64, samples_of_statistics(1, shift, scale))
    k_zz, k_yy = expected_kernel(2 * scale**2, 0.0), expected_kernel(2.0, 0.0)
    exact = k_zz + k_yy - 2 * expected_kernel(1 + scale**2, shift)
    assert abs(u.mean() - exact) < 4 * stderr(u)
    bias = (1 - k_zz) / COUNTS[0] + (1 - k_yy) / COUNTS[1]
    assert abs(v.mean() - exact - bias) < 4 * stderr(v)


def test_sums_over_dimensions_ignore_dependence():
    column = np.linspace(-1.0, 1.0, 6, dtype=np.float32)
    z = np.stack([column, column], axis=1)
    y = np.stack([column, column[::-1]], axis=1)
    marginals, joint = jax.jit(
        lambda z, y: (mmd.v_statistic_dims(z, y, IMQ_1D), mmd.v_statistic(z, y, IMQ))
    )(z, y)
    assert abs(marginals) < 1e-6
    assert joint > 0.1


def test_kernels_have_their_published_widths():
    squared = np.float32([[0.0, 1.0], [7.0, 100.0]])
    kernel = mmd.imq(squared, scales=(1.0,), latents=5)
    np.testing.assert_allclose(kernel, 10 / (10 + squared), rtol=1e-6)
    np.testing.assert_allclose(mmd.imq(squared)[0, 0], 6)
    # InfoVAE: exp of minus the mean square over dimensions, divided by D.
    kernel = mmd.rbf(squared, bandwidths=mmd.rbf_bandwidths(5))
    np.testing.assert_allclose(kernel, np.exp(-squared / 5 / 5), rtol=1e-6)


def test_the_gradient_at_coincident_points_is_zero():
    z = np.full((4, 2), [1.0, -2.0], np.float32)

    def total(z, y):
        return mmd.v_statistic(z, y, IMQ) + mmd.u_statistic(z, y, RBF)

    for leaf in jax.jit(jax.grad(total, (0, 1)))(z, z):
        np.testing.assert_array_equal(leaf, 0)


TWO = np.zeros((2, 3), np.float32)
REFUSED = [
    (lambda: mmd.u_statistic(TWO[:1], TWO, mmd.imq), "2 draws z; got 1"),
    (lambda: mmd.v_statistic(TWO, TWO[:1], mmd.imq), "2 draws y; got 1"),
    (lambda: mmd.u_statistic_dims(TWO[:1], TWO, mmd.imq), "2 draws z; got 1"),
    (lambda: mmd.imq(TWO, scales=()), "scales must have at least one value"),
    (lambda: mmd.rbf(TWO, bandwidths=()), "bandwidths must have at least one value"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_too_few_draws_or_widths_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
