import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from decomp import priors
from decomp.distributions import (
    full_gaussian,
    gaussian,
    hierarchical,
    laplace,
    mixture,
    spike_slab,
    student_t,
    subspaces,
)
from decomp.distributions.gaussian import Gaussian
from tests.decomp.distributions import quick


def _normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


PRIORS = {
    "isotropic": (gaussian, lambda: priors.isotropic(3)),
    "anisotropic": (gaussian, lambda: priors.anisotropic(_normal(0, 3))),
    "full_covariance": (
        full_gaussian,
        lambda: priors.full_covariance(_normal(1, 3, 3)),
    ),
    "student_t": (student_t, lambda: priors.student_t(jnp.array(9.0), 3)),
    "laplace": (laplace, lambda: priors.laplace(3)),
    "subspaces": (subspaces, lambda: priors.subspaces((1, 2), df=9.0)),
    "spike_and_slab": (
        spike_slab,
        lambda: priors.spike_and_slab(3, spike_probability=0.6),
    ),
    "clusters": (mixture, lambda: priors.clusters()),
    "free_mixture": (
        mixture,
        lambda: priors.free_mixture(_normal(2, 4), _normal(3, 4, 3), _normal(4, 4, 3)),
    ),
    "vamp": (
        mixture,
        lambda: priors.vamp(Gaussian(_normal(5, 4, 3), np.exp(_normal(6, 4, 3)))),
    ),
    "hierarchical": (
        hierarchical,
        lambda: priors.hierarchical(_normal(7, 2, 1), _normal(8, 2, 1)),
    ),
}
WITH_ENTROPY = (gaussian, full_gaussian, student_t, laplace, subspaces)
SAMPLES = 4000
ENTROPY = quick.jit(functools.partial(mixture.entropy, num_samples=20_000))
EXTREMES = np.array([[0.0, 0.0, 0.0], [1e4, -1e4, 1e4], [-1e4, 0.0, 1e-6]], np.float32)


@functools.partial(quick.jit, static_argnums=0)
def _values(family, p, keys, points):
    draws = jax.vmap(family.sample, (0, None))(keys, p)
    all_points = jnp.concatenate([draws, points])
    log_prob = functools.partial(family.log_prob, p)
    log_pz, slope = jax.vmap(jax.value_and_grad(log_prob))(all_points)
    entropy = family.entropy(p) if family in WITH_ENTROPY else None
    return all_points, log_pz, slope, family.mean(p), family.covariance(p), entropy


@functools.lru_cache
def samples_of(name):
    """Draws and fixed points, log p and its gradient there, moments and entropy."""
    family, make = PRIORS[name]
    p = make()
    latents = 2 if name == "clusters" else 3
    wide_draws = stats.t(3, 0, 2).rvs((SAMPLES, latents), random_state=0)
    points = np.concatenate([wide_draws, EXTREMES[:, :latents]]).astype(np.float32)
    keys = jax.random.split(jax.random.key(1), SAMPLES)
    return jax.tree.map(np.asarray, _values(family, p, keys, points))


@pytest.mark.parametrize("name", PRIORS)
def test_log_p_is_one_number_per_point_and_a_draw_is_one_point(name):
    # D numbers, or one number broadcast to D, would count the prior D times in a sum.
    family, make = PRIORS[name]
    p = jax.eval_shape(make)
    draw = jax.eval_shape(family.sample, jax.random.key(0), p)
    assert draw.shape == ((2,) if name == "clusters" else (3,))
    assert jax.eval_shape(family.log_prob, p, draw).shape == ()


@pytest.mark.parametrize("name", PRIORS)
def test_the_density_integrates_to_one(name):
    # ∫ p = ∫ m · p/m; half of m is the draws of the prior, half a wide Student-t.
    points, log_pz, *_ = samples_of(name)
    points, log_pz = points[: 2 * SAMPLES].astype(float), log_pz[: 2 * SAMPLES]
    log_wide = stats.t.logpdf(points, 3, 0, 2).sum(1)
    weights = 2 * special.expit(log_pz - log_wide).reshape(2, SAMPLES)
    stderr = np.sqrt((weights.var(1) / SAMPLES).sum()) / 2
    assert abs(weights.mean() - 1) < 4 * stderr
    assert stderr < 0.02


@pytest.mark.parametrize("name", PRIORS)
def test_samples_have_the_mean_the_covariance_and_the_entropy(name):
    points, log_pz, _, mean, covariance, entropy = samples_of(name)
    z = points[:SAMPLES].astype(float)
    assert np.all(np.abs(z.mean(0) - mean) < 4 * z.std(0) / SAMPLES**0.5)
    products = (z - mean)[:, :, None] * (z - mean)[:, None, :]
    stderr = products.std(0) / SAMPLES**0.5
    assert np.all(np.abs(products.mean(0) - covariance) < 4 * stderr)
    if entropy is not None:
        information = -log_pz[:SAMPLES].astype(float)
        difference = information.mean() - entropy
        assert abs(difference) < 4 * information.std() / SAMPLES**0.5


@pytest.mark.parametrize("name", PRIORS)
def test_log_p_and_its_gradient_are_finite_at_extreme_points(name):
    points, log_pz, slope, *_ = samples_of(name)
    assert np.isfinite(log_pz).all()
    assert np.isfinite(slope).all()
    assert len(points) == 2 * SAMPLES + len(EXTREMES)


def test_the_trace_of_an_anisotropic_prior_is_the_number_of_latents():
    logits = jax.random.normal(jax.random.key(0), (10,)) * 5
    p = priors.anisotropic(logits)
    np.testing.assert_allclose(jnp.sum(p.scale**2), 10.0, rtol=1e-6)


def test_variances_of_an_anisotropic_prior_are_proportional_to_the_given_ones():
    variances = np.asarray([8.0, 4.0, 1.0])
    p = priors.anisotropic(jnp.log(jnp.asarray(variances, jnp.float32)))
    np.testing.assert_allclose(p.scale**2, 3 * variances / 13, rtol=1e-6)


def test_equal_log_variances_give_the_isotropic_prior():
    p, isotropic = priors.anisotropic(jnp.full(4, 7.0)), priors.isotropic(4)
    np.testing.assert_allclose(p.scale, isotropic.scale, rtol=1e-6)
    np.testing.assert_array_equal(p.loc, isotropic.loc)


def test_student_t_at_infinite_df_is_the_isotropic_prior():
    z = jnp.asarray([0.3, -2.0, 5.0])
    t = quick.jit(student_t.log_prob)(priors.student_t(jnp.float32(jnp.inf), 3), z)
    np.testing.assert_allclose(t, gaussian.log_prob(priors.isotropic(3), z), rtol=1e-6)


def test_the_peak_of_the_clusters_is_a_quarter_of_one_component():
    p = priors.clusters()
    peaks = quick.jit(jax.vmap(lambda z: mixture.log_prob(p, z)))(p.components.loc)
    # This is 0.25/(2π·0.03); the other three components add at most 3e-8 of it.
    np.testing.assert_allclose(jnp.exp(peaks), 0.25 / (2 * np.pi * 0.03), rtol=1e-6)


@pytest.mark.parametrize(("layout", "entropy"), [("axes", 0.717), ("square", 0.708)])
def test_the_entropy_of_the_clusters_is_that_of_the_paper(layout, entropy):
    p = priors.clusters(layout=layout)
    result = ENTROPY(jax.random.key(1), p)
    assert abs(result.value - entropy) < 4 * result.stderr + 5e-4  # the paper rounds


def test_an_unknown_layout_names_the_choices():
    with pytest.raises(
        ValueError, match="unknown layout 'ring'; choices: axes, square"
    ):
        priors.clusters(layout="ring")


@pytest.mark.parametrize("name", ["anisotropic", "full_covariance", "hierarchical"])
def test_the_trace_of_a_learned_covariance_is_the_number_of_latents(name):
    covariance = samples_of(name)[4]
    np.testing.assert_allclose(np.trace(covariance), 3.0, rtol=1e-6)


def test_a_full_covariance_starts_isotropic_and_reaches_any_covariance():
    def tril(factor):
        return priors.full_covariance(factor).scale_tril

    both = quick.jit(lambda factor: (tril(factor), jax.jacfwd(tril)(factor)))
    np.testing.assert_array_equal(both(np.zeros((3, 3), np.float32))[0], np.eye(3))
    expected = np.linalg.cholesky([[1.5, 0.6, -0.2], [0.6, 0.5, 0.1], [-0.2, 0.1, 1.0]])
    rows = np.diag(expected)
    for shift in (-1e3, 0.0, 1e3):  # shifts of all logarithms lose digits only
        factor = np.tril(expected / rows[:, None], -1) + np.triu(
            np.full((3, 3), 7.0), 1
        )
        factor += np.diag(np.log(rows) + shift)
        result, slopes = both(factor.astype(np.float32))
        np.testing.assert_allclose(result, expected, rtol=2e-4, atol=1e-6)
        assert np.isfinite(slopes).all()


def test_a_laplace_prior_has_unit_variance():
    covariance = laplace.covariance(priors.laplace(2))
    np.testing.assert_allclose(covariance, np.eye(2), rtol=1e-6)


def test_a_certain_spike_or_slab_is_a_gaussian_and_its_probability_may_be_traced():
    @jax.jit
    def covariance(gamma):
        return spike_slab.covariance(
            priors.spike_and_slab(2, spike_probability=gamma, spike_scale=0.1)
        )

    for gamma, variance in ((0.0, 1.0), (1.0, 0.01), (0.6, 0.406)):
        np.testing.assert_allclose(
            covariance(gamma), variance * np.eye(2), rtol=1e-6, atol=1e-9
        )


def test_initial_parameters_are_accepted_by_the_constructors():
    key, other = jax.random.split(jax.random.key(2))
    start = priors.mixture_start(key, 5, 3, spread=2.0)
    p = priors.free_mixture(**start._asdict())
    assert p.components.loc.shape == p.components.scale.shape == (5, 3)
    start = priors.hierarchical_start(other, 1, 3)
    p = quick.jit(priors.hierarchical)(**start._asdict())
    assert p.weights.shape == p.log_scale_weights.shape == (2, 1)
    equal = priors.vamp(Gaussian(jnp.zeros((4, 2)), jnp.ones((4, 2))))
    np.testing.assert_array_equal(equal.log_weights, np.zeros(4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: priors.subspaces((), df=3.0),
            "at least 1 dimension each; got \\(\\).",
        ),
        (lambda: priors.subspaces((2, 0), df=3.0), "dimension each; got \\(2, 0\\)."),
        (lambda: priors.hierarchical_start(None, 3, 3), "0 < top < 3 latents; got 3."),
    ],
)
def test_impossible_sizes_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
