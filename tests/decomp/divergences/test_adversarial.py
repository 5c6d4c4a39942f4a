import jax
import jax.numpy as jnp
import numpy as np
from scipy import integrate, special, stats

from decomp.divergences import adversarial

COUNT = 20_000
Q, P = stats.norm(0.7, 0.8), stats.norm(0.0, 1.0)


def log_ratio(z):
    return Q.logpdf(z) - P.logpdf(z)


def integral(function):
    return integrate.quad(function, -9, 9, epsabs=1e-10)[0]


def logits(slope=1.0):
    """slope · log q/p at draws from q and from p."""
    rng = np.random.default_rng(0)
    draws = Q.rvs(COUNT, random_state=rng), P.rvs(COUNT, random_state=rng)
    return tuple(slope * log_ratio(z) for z in draws)


JS = 0.5 * integral(
    lambda z: (
        special.rel_entr(Q.pdf(z), (Q.pdf(z) + P.pdf(z)) / 2)
        + special.rel_entr(P.pdf(z), (Q.pdf(z) + P.pdf(z)) / 2)
    )
)
KL = integral(lambda z: special.rel_entr(Q.pdf(z), P.pdf(z)))


def error(*terms):
    """The standard error of a sum of means, each over COUNT draws."""
    return np.sqrt(sum(np.var(term) for term in terms) / COUNT)


def softplus(x):
    return np.logaddexp(x, 0)


def test_the_exact_log_ratio_attains_the_jensen_shannon_divergence():
    t_q, t_p = logits()
    js = adversarial.jensen_shannon(jnp.float32(t_q), jnp.float32(t_p))
    assert abs(js - JS) < 4 * error(softplus(-t_q) / 2, softplus(t_p) / 2)
    loss = adversarial.discriminator_loss(jnp.float32(t_q), jnp.float32(t_p))
    np.testing.assert_allclose(loss, np.log(2) - js, rtol=1e-6)


def test_another_logit_gives_a_lower_bound():
    for slope in (0.0, 0.5, 2.0, -1.0):
        exact = np.log(2) - 0.5 * integral(
            lambda z, s=slope: (
                Q.pdf(z) * softplus(-s * log_ratio(z))
                + P.pdf(z) * softplus(s * log_ratio(z))
            )
        )
        assert exact < JS
        t_q, t_p = logits(slope)
        js = adversarial.jensen_shannon(jnp.float32(t_q), jnp.float32(t_p))
        bound = 4 * error(softplus(-t_q) / 2, softplus(t_p) / 2) + 1e-6
        assert abs(js - exact) < bound


def test_the_exact_log_ratio_has_the_kl_as_its_mean():
    t_q, _ = logits()
    closed = np.log(1 / 0.8) + (0.8**2 + 0.7**2) / 2 - 0.5
    np.testing.assert_allclose(KL, closed, rtol=1e-9)
    kl = adversarial.kl_from_logits(jnp.float32(t_q))
    assert abs(kl - closed) < 4 * error(t_q)


def test_the_loss_of_the_generator_at_the_exact_log_ratio_is_log_2_and_two_kls():
    t_q, _ = logits()
    kl_to_mean = integral(
        lambda z: special.rel_entr(Q.pdf(z), (Q.pdf(z) + P.pdf(z)) / 2)
    )
    loss = adversarial.generator_loss(jnp.float32(t_q))
    assert abs(loss - (np.log(2) + KL - kl_to_mean)) < 4 * error(softplus(t_q))
    uninformed = adversarial.generator_loss(jnp.zeros(3))
    np.testing.assert_allclose(uninformed, np.log(2), rtol=1e-6)


def test_losses_and_gradients_are_exact_for_huge_logits():
    t = jnp.array([-1e4, 1e4])
    value, grads = jax.value_and_grad(adversarial.discriminator_loss, (0, 1))(t, t)
    np.testing.assert_allclose(value, 5e3)  # half of all draws are wrong by 1e4
    np.testing.assert_allclose(grads[0], [-0.25, 0.0], atol=1e-7)
    np.testing.assert_allclose(grads[1], [0.0, 0.25], atol=1e-7)
    value, grad = jax.value_and_grad(adversarial.generator_loss)(t)
    np.testing.assert_allclose(value, 5e3)
    np.testing.assert_allclose(grad, [0.0, 0.5], atol=1e-7)


def test_the_numbers_of_draws_on_the_two_sides_may_differ():
    value = adversarial.discriminator_loss(jnp.zeros(3), jnp.ones(5))
    exact = 0.5 * (np.log(2) + softplus(1.0))
    np.testing.assert_allclose(value, exact, rtol=1e-6)


SIZE = 16


@jax.jit
def permutations(z):
    """500 permutations of the same draws."""

    def once(i):
        return adversarial.permute_dims(jax.random.fold_in(jax.random.key(1), i), z)

    return jax.lax.map(once, jnp.arange(500))


def test_permuted_columns_keep_their_values_and_are_independent():
    column = np.random.default_rng(0).normal(size=SIZE).astype(np.float32)
    shuffled = np.float64(permutations(np.stack([column, -column], axis=1)))
    for d, sign in enumerate((1, -1)):
        exact = np.tile(np.sort(sign * column), (len(shuffled), 1))
        np.testing.assert_array_equal(np.sort(shuffled[:, :, d], axis=1), exact)
    # The correlation of independent permutations has mean 0 and variance 1/(B − 1).
    centred = shuffled - shuffled.mean(axis=1, keepdims=True)
    correlation = np.mean(centred[..., 0] * centred[..., 1], axis=1) / column.var()
    assert abs(correlation.mean()) < 4 / np.sqrt((SIZE - 1) * len(shuffled))
    assert len(np.unique(correlation)) == len(shuffled)


def test_one_row_in_b_has_both_dimensions_of_the_same_draw():
    rows = np.arange(SIZE, dtype=np.float32)[:, None]
    shuffled = np.asarray(permutations(np.tile(rows, (1, 2))))
    fixed_points = np.sum(shuffled[..., 0] == shuffled[..., 1], axis=1)
    # The number of fixed points of a permutation has mean 1 and variance 1.
    assert abs(fixed_points.mean() - 1) < 4 / np.sqrt(len(fixed_points))
