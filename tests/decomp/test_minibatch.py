from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from decomp import minibatch
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian

B, D = 4, 5
UNBIASED = ("stratified", "symmetrised")

densities = jax.jit(partial(minibatch.log_densities, groups=(2, 3)))


def _batch(seed=0, n=B, d=D):
    """Overlapping posteriors, and one draw from each."""
    rng = np.random.default_rng(seed)
    loc, scale = 0.6 * rng.normal(size=(n, d)), rng.uniform(0.4, 1.2, (n, d))
    return Gaussian(loc, scale), loc + scale * rng.normal(size=(n, d))


def _density_table(q, z):
    """q(z_bd|x_j) as [b, j, D]."""
    return stats.norm.pdf(z[:, None], q.loc, q.scale)


def _parts(terms, log_pz, log_pz_dims):
    """Information, total correlation and dimension-wise KL of a batch."""
    return (
        terms.log_qz_x - terms.log_qz,
        terms.log_qz - terms.log_prod_qz,
        terms.log_prod_qz - log_pz_dims + (log_pz_dims - log_pz),
    )


def test_weighted_sampling_is_the_batch_mean_shifted_by_logarithms_of_n():
    size = 737_280
    with jax.enable_x64(True):
        q, z = _batch()
        zero = np.zeros(B)
        parts = [
            _parts(densities(q, z, minibatch.ESTIMATORS[name](B, size)), zero, zero)
            for name in ("weighted", "batch_mean")
        ]
        shifts = [a - b for a, b in zip(*parts, strict=True)]
    for shift, count in zip(shifts, (1, D - 1, -D), strict=True):
        np.testing.assert_allclose(shift, count * np.log(size), atol=1e-9)


@pytest.mark.parametrize("name", minibatch.ESTIMATORS)
def test_the_parts_add_up_to_the_kl_of_the_same_sample_for_every_estimator(name):
    with jax.enable_x64(True):
        q, z = _batch()
        prior = Gaussian(np.zeros(D), np.ones(D))
        log_pz = jax.vmap(partial(gaussian.log_prob, prior))(z)
        terms = densities(q, z, minibatch.ESTIMATORS[name](B, 1000))
        whole = sum(_parts(terms, log_pz, log_pz))
        np.testing.assert_allclose(whole, terms.log_qz_x - log_pz, atol=1e-9)
        between = terms.log_qz - terms.log_prod_qz_groups
        within = terms.log_prod_qz_groups - terms.log_prod_qz
        correlation = terms.log_qz - terms.log_prod_qz
        np.testing.assert_allclose(between + within, correlation, atol=1e-9)


@pytest.mark.parametrize("name", ["batch_mean", "stratified", "symmetrised"])
def test_a_batch_of_all_points_gives_the_exact_values(name):
    with jax.enable_x64(True):
        q, z = _batch()
        terms = densities(q, z, minibatch.ESTIMATORS[name](B, B))
    _check_against_loops(terms, _density_table(q, z), np.full((B, B), 1 / B))


def test_values_agree_with_loops_over_weights_and_densities():
    log_weights = np.random.default_rng(1).normal(size=(B, B))
    with jax.enable_x64(True):
        q, z = _batch()
        terms = densities(q, z, log_weights)
    _check_against_loops(terms, _density_table(q, z), np.exp(log_weights))


def _check_against_loops(terms, table, weights):
    for b in range(B):
        for value, parts in (
            (terms.log_qz, (range(D),)),
            (terms.log_prod_qz_groups, (range(2), range(2, D))),
            (terms.log_prod_qz, [[d] for d in range(D)]),
        ):
            logs = [np.log(weights[b] @ table[b][:, list(p)].prod(1)) for p in parts]
            np.testing.assert_allclose(value[b], sum(logs), rtol=1e-12)
        log_qz_x = np.log(table[b, b]).sum()
        np.testing.assert_allclose(terms.log_qz_x[b], log_qz_x, rtol=1e-12)


def _plainly(q, z, log_weights):
    """The same sums by arrays of three axes and automatic differentiation."""
    each = jax.vmap(jax.vmap(gaussian.log_prob_dims, (0, None)), (None, 0))
    planes = jnp.moveaxis(each(q, z), 2, 0)  # [D, b, j]
    groups = jnp.stack([planes[0], planes[1] + planes[2]])
    sums = [
        jax.nn.logsumexp(log_weights + part, axis=2)
        for part in (jnp.sum(planes, axis=0, keepdims=True), groups, planes)
    ]
    log_qz_x = jax.vmap(gaussian.log_prob)(q, z)
    return log_qz_x, *(jnp.sum(part, axis=0) for part in sums)


def test_gradients_agree_with_automatic_differentiation_of_the_plain_form():
    def gradient(function):
        def scalar(*arguments):
            weights = jnp.array([1.0, -2.0, 0.5, 3.0])[:, None]
            return jnp.mean(weights * jnp.stack(function(*arguments)) ** 2)

        return jax.jit(jax.grad(scalar, (0, 1, 2)))

    with jax.enable_x64(True), jax.numpy_rank_promotion("allow"):
        q, z = _batch(d=3)
        arguments = (Gaussian(*map(jnp.array, q)), jnp.array(z))
        log_weights = minibatch.symmetrised(B, 50)
        gradient_of_ours = gradient(partial(minibatch.log_densities, groups=(1, 2)))
        gradients = gradient_of_ours(*arguments, log_weights)
        expected = gradient(_plainly)(*arguments, log_weights)
    for leaf, expected_leaf in zip(
        *map(jax.tree.leaves, (gradients, expected)), strict=True
    ):
        np.testing.assert_allclose(leaf, expected_leaf, rtol=1e-10, atol=1e-12)


def test_values_and_gradients_stay_finite_and_exact_in_float32_at_extreme_scales():
    loc = jnp.array([[1000.0, -1000.0], [1.0, 2.0], [1.0, 2.0]])
    q = Gaussian(loc, jnp.array([[1e-6], [1e-6], [1e6]]) * jnp.ones((3, 2)))
    z = loc + jnp.array([[0.0], [0.0], [1e4]])
    log_weights = minibatch.symmetrised(3, 10)

    def total(q, z):
        terms = minibatch.log_densities(q, z, log_weights)
        return jnp.sum(jnp.stack(terms)), terms

    gradients, terms = jax.jit(jax.grad(total, (0, 1), has_aux=True))(q, z)
    expected = np.log(0.1) - 2 * np.log(1e-6) - np.log(2 * np.pi)
    np.testing.assert_allclose(terms.log_qz[:2], expected, rtol=1e-6)
    for leaf in jax.tree.leaves((terms, gradients)):
        assert np.isfinite(leaf).all()


@pytest.mark.parametrize(("batch", "size"), [(5, 100), (2, 3)])
def test_rows_of_unbiased_weights_add_to_one_with_one_over_n_on_the_diagonal(
    batch, size
):
    for name in UNBIASED:
        weights = np.exp(minibatch.ESTIMATORS[name](batch, size))
        np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(np.diag(weights), 1 / size, rtol=1e-5)


def test_stratified_weights_are_not_those_of_a_strided_view():
    batch, size = 5, 100
    others = batch - 1
    strided = np.full(batch * batch, 1 / others)
    strided[:: others + 1] = 1 / size
    strided[1 :: others + 1] = (size - others) / (size * others)
    strided = strided.reshape(batch, batch)
    strided[others - 1, 0] = (size - others) / (size * others)
    assert abs(strided.sum(axis=1) - 1).max() > 0.2
    weights = np.exp(minibatch.stratified(batch, size))
    special = np.isclose(weights, (size - others) / (size * others), rtol=1e-5)
    np.testing.assert_array_equal(special.sum(axis=0), 1)
    np.testing.assert_array_equal(special.sum(axis=1), 1)
    assert np.isclose(weights, 1 / others, rtol=1e-5).sum() == batch * (batch - 2)


def test_a_batch_of_one_has_one_over_n_as_its_only_weight():
    for name in ("weighted", *UNBIASED):
        weights = minibatch.ESTIMATORS[name](1, 9)
        np.testing.assert_allclose(weights, [[-np.log(9)]], rtol=1e-6)


@pytest.mark.parametrize("name", minibatch.ESTIMATORS)
@pytest.mark.parametrize("batch", [0, 10])
def test_a_batch_larger_than_the_data_or_empty_is_refused(name, batch):
    with pytest.raises(ValueError, match=f"from 1 to 9, .* got {batch}"):
        minibatch.ESTIMATORS[name](batch, 9)


@pytest.mark.parametrize("groups", [(2, 2), (5, 1, -1), (6,), (0, 5)])
def test_groups_that_do_not_add_up_are_refused(groups):
    q, z = _batch()
    with pytest.raises(ValueError, match="positive sizes whose sum is 5"):
        minibatch.log_densities(
            q, jnp.float32(z), minibatch.weighted(B, 9), groups=groups
        )
