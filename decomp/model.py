"""The model that is trained: its objective on a minibatch, and its critic's loss.

`decomp.fit` and the sweeps of `experiments` make a `Model` of their options and train
it by `loss`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from decomp import importance, losses, minibatch
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import adversarial
from decomp.divergences.estimates import MARGINALS, Minibatch, prior_samples
from decomp.losses import Terms

Params = Any  # a dict of trees of arrays; the critic's key is "critic"
Setting = Any  # a tree of the traced numbers of one run
Weights = Mapping[str, jax.Array]  # weights [] by name


class Model(NamedTuple):
    """What all runs share, as functions of the parameters and settings of one run."""

    encode: Callable[[Params, jax.Array], Gaussian]  # x [B, X] to leaves [B, D]
    log_px_z: Callable[..., jax.Array]  # (params, x [B, X], z [B, D]) to [B]
    prior: Callable[[Params, Setting], Any]  # p(z), a distribution over [D]
    family: Callable[[Any], Any]  # p(z) to its log_prob(p, z) and sample(key, p)
    kl: Callable[
        [Any], Callable[[Gaussian], jax.Array] | None
    ]  # KL(q ‖ p) in closed form
    weights: Callable[[Setting, jax.Array], Weights]  # at a share of the training
    objective: Callable[[Terms, Weights, Setting], jax.Array]  # [B], which is maximised
    # Maps a key, a minibatch and a setting to D(q(z), p(z)).
    divergence: Callable[[jax.Array, Minibatch, Setting], jax.Array] | None
    estimator: str  # the estimator of q(z), a key of minibatch.ESTIMATORS
    size: int  # N
    groups: tuple[int, ...] = ()  # sizes of the groups of latents, for hfvae
    has_parts: bool = True  # whether the objective may weight the parts of the KL
    samples: int = 0  # samples per example for iwae; 0 for other objectives
    critic: Callable[[Params, jax.Array], jax.Array] | None = None  # z [B, D] to [B]
    # What the critic distinguishes q(z) from, PRIOR or MARGINALS; `chosen` gives the
    # index if there are several.
    against: tuple[str, ...] = ()
    chosen: Callable[[Setting], jax.Array] | None = None
    prior_count: float = 1.0  # the factor of log p(z) in the KL


def loss(
    params: Params,
    key: jax.Array,
    model: Model,
    setting: Setting,
    progress: jax.Array,
    x: jax.Array,
    others: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The training loss on a minibatch, and its measures, in nats.

    Args:
        params: Parameters of the run, including the critic's.
        key: A random key, which is used up.
        model: The model that all runs share.
        setting: Setting of the run.
        progress: Share of the training that is done.
        x: Minibatch `[B, X]`.
        others: A second minibatch `[B, X]`, for the critic.

    Returns:
        The loss `[]`, which is minimised, and `training.MEASURES` `[4]`.
    """
    weights, critic_key = model.weights(setting, progress), None
    if model.critic is not None:
        key, critic_key = jax.random.split(key)
    values, batch_terms = value(key, model, params, setting, x, weights)
    mean = -jnp.mean(values)
    reconstruction, kl = -jnp.mean(batch_terms.log_px_z), jnp.mean(batch_terms.kl)
    measures = jnp.stack([mean, reconstruction, kl, batch_terms.divergence])
    if critic_key is None:
        return mean, measures
    # Each of the two losses stops the other's gradient, so that one pass serves both.
    critic = critic_loss(critic_key, model, params, setting, x, others)
    return mean + critic, measures


def value(
    key: jax.Array,
    model: Model,
    params: Params,
    setting: Setting,
    x: jax.Array,
    weights: Weights,
) -> tuple[jax.Array, Terms]:
    """The objective `[B]` of x `[B, X]`, which is maximised, and its terms."""
    if not model.samples:
        batch_terms = terms(key, model, params, setting, x, weights)
        return model.objective(batch_terms, weights, setting), batch_terms
    terms_key, key = jax.random.split(key)
    p = model.prior(params, setting)
    bound = importance.iwae(
        key,
        x,
        num_samples=model.samples,
        encode=lambda x: model.encode(params, x),
        log_px_z=lambda x, z: model.log_px_z(params, x, z),
        log_pz=lambda z: model.family(p).log_prob(p, z),
    )
    return bound, terms(terms_key, model, params, setting, x, weights)


def terms(
    key: jax.Array,
    model: Model,
    params: Params,
    setting: Setting,
    x: jax.Array,
    weights: Weights,
) -> Terms:
    """The terms of the objective on x `[B, X]`."""
    p = model.prior(params, setting)
    family = model.family(p)
    log_weights = minibatch.ESTIMATORS[model.estimator](len(x), model.size)

    def aggregate(q: Gaussian, z: jax.Array) -> minibatch.LogDensities:
        return minibatch.log_densities(q, z, log_weights, groups=model.groups)

    def divergence(key: jax.Array, q: Gaussian, z: jax.Array) -> jax.Array:
        assert model.divergence is not None
        batch = Minibatch(q, z, p, family, model.estimator, model.size, weights, critic)
        return model.divergence(key, batch, setting)

    def critic(z: jax.Array) -> jax.Array:
        assert model.critic is not None
        return model.critic(jax.lax.stop_gradient(params), z)

    return losses.terms(
        key,
        x,
        encode=lambda x: model.encode(params, x),
        log_px_z=lambda x, z: model.log_px_z(params, x, z),
        log_pz=lambda z: model.prior_count * family.log_prob(p, z),
        kl=model.kl(p),
        aggregate=aggregate if model.has_parts else None,
        divergence=divergence if model.divergence else None,
    )


def critic_loss(
    key: jax.Array,
    model: Model,
    params: Params,
    setting: Setting,
    x: jax.Array,
    others: jax.Array,
) -> jax.Array:
    """The critic's loss between z ~ q(z) of x and draws of p(z) or of Π_d q(z_d).

    Its gradient reaches only the critic. The marginals are drawn from a second
    minibatch, `others` `[B, X]`, as in Kim & Mnih 2018 (Algorithm 2).
    """
    assert model.critic is not None
    fixed = jax.lax.stop_gradient(params)
    z_key, other_key, permutation_key = jax.random.split(key, 3)

    def draw(key: jax.Array, x: jax.Array) -> jax.Array:
        return gaussian.sample(key, model.encode(fixed, x))

    def of_marginals(_: Any) -> jax.Array:
        return adversarial.permute_dims(permutation_key, draw(other_key, others))

    def of_prior(_: Any) -> jax.Array:
        p = model.prior(fixed, setting)
        return prior_samples(other_key, p, model.family(p), len(x))

    z = draw(z_key, x)
    sources = [of_marginals if a == MARGINALS else of_prior for a in model.against]
    drawn = switch(model.chosen(setting) if model.chosen else None, sources, None)
    real, other = (model.critic(params, z) for z in (z, drawn))
    return jnp.mean(adversarial.discriminator_loss(real, other))


def switch(
    index: jax.Array | None, branches: Sequence[Callable], *operands: Any
) -> Any:
    """`lax.switch`, without the switch if there is only one branch.

    If runs are mapped one after another, only the branch of the run is computed.
    """
    if len(branches) == 1 or index is None:
        return branches[0](*operands)
    return jax.lax.switch(index.astype(jnp.int32), branches, *operands)
