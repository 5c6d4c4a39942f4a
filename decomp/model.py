"""The VAE of a run of `decomp.fit`: its parameters, its loss, and what it refuses."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from decomp import distributions, losses, minibatch, trained
from decomp.distributions import bernoulli, full_gaussian, gaussian
from decomp.distributions.full_gaussian import FullGaussian
from decomp.distributions.gaussian import Gaussian
from decomp.divergences.estimates import Minibatch


class Model(NamedTuple):
    """What all runs have in common."""

    encoder: Any
    decoder: Any
    prior: Any  # a distribution, or a pair (start, build)
    objective: Callable[..., jax.Array]  # of Terms and of the weights by name
    divergence: Callable[..., jax.Array] | None  # of a key and a Minibatch
    estimator: str
    groups: tuple[int, ...]
    outputs: int  # X
    latents: int  # D
    size: int  # N


def start(model: Model, key: jax.Array) -> dict[str, Any]:
    """Initial parameters: encoder, decoder and, if it is trained, prior."""
    encoder_key, decoder_key = jax.random.split(key)
    x, z = jnp.zeros((1, model.outputs)), jnp.zeros((1, model.latents))
    params = {
        "encoder": trained.start(model.encoder, encoder_key, x),
        "decoder": trained.start(model.decoder, decoder_key, z),
    }
    if is_trained(model.prior):
        params["prior"] = jax.tree.map(jnp.asarray, model.prior[0])
    return params


def prior(model: Model, params: dict[str, Any]) -> Any:
    """p(z), a distribution over `[D]`."""
    return model.prior[1](params["prior"]) if is_trained(model.prior) else model.prior


def is_trained(prior: Any) -> bool:
    """Whether it is a pair (start, build), and no distribution."""
    return type(prior) is tuple


def _log_px_z(model: Model, params: Any, x: jax.Array, z: jax.Array) -> jax.Array:
    p = trained.likelihood_of(trained.apply(model.decoder, params["decoder"], z))
    if isinstance(p, Gaussian):
        return jax.vmap(gaussian.log_prob)(p, x)
    return jax.vmap(bernoulli.log_prob)(p, x)


def loss(
    model: Model,
    params: Any,
    key: jax.Array,
    setting: dict[str, jax.Array],
    progress: jax.Array,
    x: jax.Array,
    others: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """The loss of a minibatch x `[B, X]`, as `training.make` takes it."""
    del progress, others
    p = prior(model, params)
    family = distributions.family(p)
    log_weights = minibatch.ESTIMATORS[model.estimator](len(x), model.size)
    closed = {
        Gaussian: lambda q: gaussian.kl(q, p),
        FullGaussian: lambda q: full_gaussian.kl(full_gaussian.from_diagonal(q), p),
    }

    def divergence(key: jax.Array, q: Gaussian, z: jax.Array) -> jax.Array:
        assert model.divergence is not None
        batch = Minibatch(q, z, p, family, model.estimator, model.size)
        return model.divergence(key, batch)

    # What an objective does not read, as the parts of the KL, the compiler leaves out.
    terms = losses.terms(
        key,
        x,
        encode=lambda x: trained.apply(model.encoder, params["encoder"], x),
        log_px_z=lambda x, z: _log_px_z(model, params, x, z),
        log_pz=lambda z: family.log_prob(p, z),
        kl=closed.get(type(p)),
        aggregate=lambda q, z: minibatch.log_densities(
            q, z, log_weights, groups=model.groups
        ),
        divergence=divergence if model.divergence else None,
    )
    values = model.objective(terms, **setting)
    if values.shape != terms.kl.shape:
        raise ValueError(
            f"expected a value for each of {len(x)} examples; got {list(values.shape)}."
        )
    value = -jnp.mean(values)
    reconstruction, kl = -jnp.mean(terms.log_px_z), jnp.mean(terms.kl)
    return value, jnp.stack([value, reconstruction, kl, terms.divergence])


def check(
    model: Model, likelihood: str, setting: dict[str, Any], batch_size: int
) -> None:
    """Traces the model on shapes, and says in one line what does not fit."""
    batch, width = batch_size, model.latents
    setting = {name: jnp.asarray(value) for name, value in setting.items()}
    x = jax.ShapeDtypeStruct((batch, model.outputs), jnp.float32)
    z = jax.ShapeDtypeStruct((batch, width), jnp.float32)
    params = _shapes("a network", lambda key: start(model, key), jax.random.key(0))
    q = _shapes(
        "q(z|x) of the encoder",
        lambda params, x: Gaussian(*trained.apply(model.encoder, params, x)),
        *(params["encoder"], x),
    )
    _same("encoder", "a Gaussian", q, (batch, width))
    p = _shapes(
        "the output of the decoder",
        lambda params, z: trained.apply(model.decoder, params, z),
        *(params["decoder"], z),
    )
    if isinstance(p, Gaussian) != (likelihood == "gaussian"):
        raise ValueError(
            "decoder expects to return logits where the likelihood is 'bernoulli', and "
            f"a Gaussian where it is 'gaussian'; got {type(p).__name__} for "
            f"{likelihood!r}."
        )
    _same("decoder", "an array or a Gaussian", p, (batch, model.outputs))
    drawn = _shapes(
        "a sample of the prior", lambda params: _draw(model, params), params
    )
    _same("prior", "a distribution", drawn, (width,))
    _shapes(
        "the objective",
        lambda params, x, w: loss(model, params, jax.random.key(0), w, x[0], x, x),
        *(params, x, setting),
    )


def _draw(model: Model, params: Any) -> jax.Array:
    p = prior(model, params)
    return distributions.family(p).sample(jax.random.key(0), p)


def _shapes(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The shapes of the outputs of a function."""
    try:
        return jax.eval_shape(function, *arguments)
    except Exception as error:  # of whatever kind a user's function raises
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{what} cannot be computed: {reason}") from None


def _same(name: str, kind: str, found: Any, shape: tuple[int, ...]) -> None:
    for leaf in jax.tree.leaves(found):
        if leaf.shape != shape:
            raise ValueError(
                f"{name} expects {kind} of shape {list(shape)}; got {list(leaf.shape)}."
            )
