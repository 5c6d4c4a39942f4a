import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from decomp.distributions import gaussian
from decomp.networks import dense
from decomp.networks.shared_scale import SharedScale

Z = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
INSIDE = dense.BernoulliDecoder(outputs=4, hidden=(7,))


def params_of(module):
    return jax.jit(module.init)(jax.random.key(0), Z)["params"]


def test_the_parameters_are_those_of_the_decoder_and_a_scale():
    params = dict(params_of(SharedScale(INSIDE)))
    assert params.pop("log_scale").shape == ()
    jax.tree.map(np.testing.assert_array_equal, params, params_of(INSIDE))


def test_the_density_is_that_of_a_normal_around_the_outputs_of_the_decoder():
    params = params_of(SharedScale(INSIDE))
    mean = np.asarray(INSIDE.apply({"params": params_of(INSIDE)}, Z), np.float64)
    x = np.random.default_rng(1).uniform(size=(6, 4)).astype(np.float32)
    for s, floor in ((-1.2425, 1e-6), (-7.0, 1e-6), (0.5, 0.25)):
        p = SharedScale(INSIDE, scale_floor=floor).apply(
            {"params": params | {"log_scale": jnp.float32(s)}}, Z
        )
        exact = stats.norm.logpdf(x, mean, np.exp(s) + floor).sum(1)
        log_prob = jax.vmap(gaussian.log_prob)(p, x)
        np.testing.assert_allclose(log_prob, exact, rtol=2e-5)


def test_the_initial_scale_is_the_deviation_of_a_uniform_variable():
    p = SharedScale(INSIDE, scale_floor=0.0).apply(
        {"params": params_of(SharedScale(INSIDE))}, Z
    )
    np.testing.assert_allclose(p.scale, stats.uniform.std(), rtol=1e-6)


def test_the_likelihood_is_largest_where_the_scale_is_the_root_mean_square():
    params = params_of(SharedScale(INSIDE))
    mean = INSIDE.apply({"params": params_of(INSIDE)}, Z)
    x = mean + np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)

    def loss(log_scale):
        module = SharedScale(INSIDE, scale_floor=0.0)
        p = module.apply({"params": params | {"log_scale": log_scale}}, Z)
        return -jnp.mean(jax.vmap(gaussian.log_prob)(p, x))

    best = 0.5 * np.log(np.mean((np.asarray(x) - np.asarray(mean)) ** 2))
    np.testing.assert_allclose(jax.grad(loss)(jnp.float32(best)), 0, atol=1e-5)
