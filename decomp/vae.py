"""The VAE of `decomp.fit`: networks and prior as a `Model`.

A network is a Flax module, or a pair of functions init(key, rows) and apply(params,
rows). A trained prior is a pair (start, build): initial parameters, and a function from
parameters to a distribution.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import decomp.model
from decomp import distributions, trained
from decomp.distributions import bernoulli, full_gaussian, gaussian
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.model import Model
from decomp.objectives import Formula
from decomp.own_functions import check_shape, shapes

Schedule = Callable[[jax.Array], jax.Array]


class Networks(NamedTuple):
    """The networks and the prior of all runs, and their sizes."""

    encoder: Any  # x [B, X] to a Gaussian over z
    decoder: Any  # z [B, D] to logits of x, or to a Gaussian over x
    critic: Any  # z [B, D] to logits [B], or None
    prior: Any  # a distribution, or a pair (start, build)
    outputs: int  # X
    latents: int  # D


def start(networks: Networks, key: jax.Array) -> dict[str, Any]:
    """Initial parameters of encoder, decoder and, if they are trained, the others."""
    encoder_key, decoder_key = jax.random.split(key)
    x, z = jnp.zeros((1, networks.outputs)), jnp.zeros((1, networks.latents))
    params = {
        "encoder": trained.start(networks.encoder, encoder_key, x),
        "decoder": trained.start(networks.decoder, decoder_key, z),
    }
    if is_trained(networks.prior):
        params["prior"] = jax.tree.map(jnp.asarray, networks.prior[0])
    if networks.critic is not None:
        critic_key = jax.random.fold_in(key, 2)
        params["critic"] = trained.start(networks.critic, critic_key, z)
    return params


def prior(networks: Networks, params: dict[str, Any]) -> Any:
    """p(z), a distribution over `[D]`."""
    if is_trained(networks.prior):
        return networks.prior[1](params["prior"])
    return networks.prior


def is_trained(prior: Any) -> bool:
    """Whether a prior is a pair (start, build), not a distribution."""
    return type(prior) is tuple


def model(
    networks: Networks,
    formula: Formula,
    divergence: Callable[..., jax.Array] | None,
    schedules: Mapping[str, Schedule],
    *,
    samples: int,
    **options: Any,
) -> Model:
    """The `Model` to train; a setting is a dict of weights by name.

    Args:
        networks: Networks and prior.
        formula: The objective.
        divergence: Maps a key and a minibatch to D(q(z), p(z)), if there is one.
        schedules: Factors of weights as functions of the share of training done.
        samples: Samples of z per example, for iwae.
        **options: Other fields of `Model`.
    """

    def weights(setting: Any, progress: jax.Array) -> dict[str, jax.Array]:
        factors = {name: schedule(progress) for name, schedule in schedules.items()}
        return {name: w * factors.get(name, 1) for name, w in setting.items()}

    return Model(
        encode=lambda params, x: trained.apply(networks.encoder, params["encoder"], x),
        log_px_z=lambda params, x, z: _log_px_z(networks, params, x, z),
        prior=lambda params, setting: prior(networks, params),
        family=distributions.family,
        kl=_closed_kl,
        weights=weights,
        objective=lambda terms, weights, setting: formula.value(terms, weights),
        divergence=(lambda key, batch, setting: divergence(key, batch))
        if divergence
        else None,
        has_parts=formula.has_parts,
        samples=samples if formula.importance_weighted else 0,
        critic=(lambda params, z: trained.apply(networks.critic, params["critic"], z))
        if networks.critic is not None
        else None,
        **options,
    )


def _log_px_z(networks: Networks, params: Any, x: jax.Array, z: jax.Array) -> jax.Array:
    p = trained.likelihood_of(trained.apply(networks.decoder, params["decoder"], z))
    if isinstance(p, Gaussian):
        return jax.vmap(gaussian.log_prob)(p, x)
    return jax.vmap(bernoulli.log_prob)(p, x)


def _closed_kl(p: Any) -> Callable[[Gaussian], jax.Array] | None:
    """KL(q ‖ p) of one posterior if it has a closed form, else None."""
    if isinstance(p, Gaussian):
        return lambda q: gaussian.kl(q, p)
    if isinstance(p, FullGaussian):
        return lambda q: full_gaussian.kl(full_gaussian.from_diagonal(q), p)
    return None


def check(
    networks: Networks,
    model: Model,
    likelihood: str,
    setting: dict[str, Any],
    batch_size: int,
    optimiser: Any,
) -> None:
    """Checks all shapes by tracing, and raises a one-line error if they do not fit."""
    width = networks.latents
    setting = {name: jnp.asarray(value) for name, value in setting.items()}
    x = jax.ShapeDtypeStruct((batch_size, networks.outputs), jnp.float32)
    z = jax.ShapeDtypeStruct((batch_size, width), jnp.float32)
    params = shapes("a network", lambda key: start(networks, key), jax.random.key(0))
    q = shapes(
        "q(z|x) of the encoder",
        lambda params, x: Gaussian(*trained.apply(networks.encoder, params, x)),
        *(params["encoder"], x),
    )
    _all_of("encoder", "a Gaussian", q, z.shape)
    p = shapes(
        "the output of the decoder",
        lambda params, z: trained.apply(networks.decoder, params, z),
        *(params["decoder"], z),
    )
    if isinstance(p, Gaussian) != (likelihood == "gaussian"):
        raise ValueError(
            "decoder must return logits if the likelihood is 'bernoulli' and a "
            f"Gaussian if it is 'gaussian'; got {type(p).__name__} for {likelihood!r}."
        )
    _all_of("decoder", "an array or a Gaussian", p, x.shape)
    drawn = shapes("a sample of the prior", lambda p: _draw(networks, p), params)
    check_shape("prior", "a distribution", drawn, (width,))
    if model.critic is not None:
        logits = shapes("the output of the critic", model.critic, params, z)
        check_shape("critic", "logits", logits, (batch_size,))
    key = jax.random.key(0)
    values, _ = shapes(
        "the objective",
        lambda params, x, weights: decomp.model.value(
            key, model, params, setting, x, model.weights(weights, x[0, 0])
        ),
        *(params, x, setting),
    )
    check_shape("the objective", "a value for each example", values, (batch_size,))
    shapes(
        "an update of the optimiser",
        lambda tree: optimiser.update(tree, optimiser.init(tree), tree),
        params,
    )


def _draw(networks: Networks, params: Any) -> jax.Array:
    p = prior(networks, params)
    return distributions.family(p).sample(jax.random.key(0), p)


def _all_of(name: str, kind: str, tree: Any, shape: tuple[int, ...]) -> None:
    for leaf in jax.tree.leaves(tree):
        check_shape(name, kind, leaf, shape)
