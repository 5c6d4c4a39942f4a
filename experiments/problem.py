"""What one run computes: the networks, prior and objective of a config."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from ml_collections import ConfigDict

from decomp import losses, priors
from decomp.distributions import bernoulli, gaussian, mixture, student_t
from decomp.distributions.bernoulli import Bernoulli
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import inclusive
from decomp.networks import dense
from decomp.networks import dsprites as conv
from experiments import data as data_lib
from experiments import settings
from experiments.data import Data

Params = dict[str, Any]

FAMILIES = {"gaussian": gaussian, "student_t": student_t, "clusters": mixture}


class Setting(NamedTuple):
    """The traced numbers of one run."""

    beta: jax.Array  # []
    alpha: jax.Array  # []
    df: jax.Array  # [] of a Student-t prior
    log_variances: jax.Array  # [D] of a Gaussian prior, or where its training starts
    learned: jax.Array  # [] 1 where the prior is trained, else 0


class Problem(NamedTuple):
    """What all runs of a config share; none of it is traced."""

    encoder: nn.Module
    decoder: nn.Module
    family: str  # of the prior, a key of FAMILIES
    layout: str  # of the clusters
    variance: float  # of a cluster
    prior_count: float  # times log p(z) enters the KL
    has_divergence: bool  # whether any setting weighs D
    latents: int
    side: int  # of an image; 0 for points of the plane
    outputs: int  # X
    pixels_per_value: int  # weight of log p of one value of x
    factor_sizes: tuple[int, ...]  # number of classes of each factor


def make(config: ConfigDict, data: Data) -> Problem:
    """Builds the problem of a validated config and the shapes of its data."""
    outputs = data.side**2 if data.side else data.points.shape[1]
    encoder, decoder = _networks(config.model, outputs)
    return Problem(
        encoder=encoder,
        decoder=decoder,
        family=settings.family(config),
        layout=config.prior.layout,
        variance=config.prior.variance,
        prior_count=config.objective.prior_count,
        has_divergence=any(config.objective.alpha),
        latents=config.model.latents,
        side=data.side,
        outputs=outputs,
        pixels_per_value=data.pixels_per_value,
        factor_sizes=tuple(int(column.max()) + 1 for column in data.factors.T),
    )


def init(key: jax.Array, problem: Problem, setting: Setting) -> Params:
    """Initial parameters: a dict of encoder, decoder and, if it has any, prior."""
    encoder_key, decoder_key = jax.random.split(key)
    x, z = jnp.zeros((1, problem.outputs)), jnp.zeros((1, problem.latents))
    params = {
        "encoder": problem.encoder.init(encoder_key, x)["params"],
        "decoder": problem.decoder.init(decoder_key, z)["params"],
    }
    if problem.family == "gaussian":
        params["prior"] = {"log_variances": setting.log_variances}
    return params


def data_values(problem: Problem, points: jax.Array) -> jax.Array:
    """Inputs of the encoder `[B, X]` from rows as stored `[B, P]`."""
    return data_lib.values(points, problem.side)


def encode(problem: Problem, params: Params, x: jax.Array) -> Gaussian:
    """q(z|x) of x `[B, X]`: leaves `[B, D]`."""
    return problem.encoder.apply({"params": params["encoder"]}, x)


def decode(problem: Problem, params: Params, z: jax.Array) -> Gaussian | Bernoulli:
    """p(x|z) of latents `[B, D]`: leaves `[B, X]`."""
    likelihood = problem.decoder.apply({"params": params["decoder"]}, z)
    return likelihood if isinstance(likelihood, Gaussian) else Bernoulli(likelihood)


def log_px_z(problem: Problem, params: Params, x: jax.Array, z: jax.Array) -> jax.Array:
    """log p(x|z) in nats `[B]` of x `[B, X]` and z `[B, D]`."""
    likelihood = decode(problem, params, z)
    if isinstance(likelihood, Gaussian):
        return jax.vmap(gaussian.log_prob)(likelihood, x)
    return problem.pixels_per_value * jax.vmap(bernoulli.log_prob)(likelihood, x)


def prior(problem: Problem, params: Params, setting: Setting) -> Any:
    """p(z), a distribution of the family of the problem over `[D]`."""
    if problem.family == "gaussian":
        free = params["prior"]["log_variances"]
        fixed = jax.lax.stop_gradient(free)
        return priors.anisotropic(jnp.where(setting.learned > 0, free, fixed))
    if problem.family == "student_t":
        return priors.student_t(setting.df, problem.latents)
    return priors.clusters(layout=problem.layout, variance=problem.variance)


def terms(
    key: jax.Array,
    problem: Problem,
    params: Params,
    setting: Setting,
    x: jax.Array,
) -> losses.Terms:
    """The terms of the objective on x `[B, X]`."""
    p = prior(problem, params, setting)
    log_prob = FAMILIES[problem.family].log_prob

    def divergence(key: jax.Array, q: Gaussian) -> jax.Array:
        # Mapped over runs, `cond` computes D only for the runs that weigh it.
        return jax.lax.cond(
            setting.alpha > 0,
            lambda key, q: inclusive_kl(key, problem.family, p, q),
            lambda key, q: jnp.zeros(()),
            key,
            q,
        )

    return losses.terms(
        key,
        x,
        encode=lambda x: encode(problem, params, x),
        log_px_z=lambda x, z: log_px_z(problem, params, x, z),
        log_pz=lambda z: problem.prior_count * log_prob(p, z),
        kl=(lambda q: gaussian.kl(q, p)) if problem.family == "gaussian" else None,
        divergence=divergence if problem.has_divergence else None,
    )


def inclusive_kl(key: jax.Array, family: str, p: Any, q: Gaussian) -> jax.Array:
    """D = KL(p(z) ‖ q(z)) from as many samples of p as there are posteriors `[B]`."""
    keys = jax.random.split(key, q.loc.shape[0])
    z = jax.vmap(lambda key: FAMILIES[family].sample(key, p))(keys)
    log_pz = jax.vmap(lambda z: FAMILIES[family].log_prob(p, z))(z)
    return inclusive.kl_prior_aggregate(z, log_pz, q).value


def setting_arrays(
    config: ConfigDict, data: Data, rows: list[dict[str, Any]]
) -> Setting:
    """The settings of a sweep as arrays, leaves `[settings]`."""
    latents = config.model.latents
    logits = {"isotropic": np.zeros(latents)}
    if {row["prior"] for row in rows} & {"pca", "learned"}:
        spectrum = np.log(data_lib.principal_variances(data, config))
        logits["pca"] = logits["learned"] = spectrum - spectrum.mean()
    columns = {name: [row[name] for row in rows] for name in ("beta", "alpha", "df")}
    columns["learned"] = [row["prior"] == "learned" for row in rows]
    columns["log_variances"] = [
        logits.get(row["prior"], np.zeros(latents)) for row in rows
    ]
    return Setting(
        **{
            name: jnp.asarray(np.asarray(values, np.float32))
            for name, values in columns.items()
        }
    )


def _networks(model: ConfigDict, outputs: int) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder modules of a config."""
    encoder_options = {
        "latents": model.latents,
        "scale_floor": model.scale_floor,
        "initialiser": model.init,
    }
    if model.network == "conv":
        channels = conv.CHANNELS[model.channels]
        encoder = conv.ConvEncoder(channels=channels, **encoder_options)
        return encoder, conv.ConvDecoder(model.latents, model.init)
    encoder = dense.DenseEncoder(
        hidden=model.hidden, scale_link=model.scale, **encoder_options
    )
    if model.likelihood == "bernoulli":
        return encoder, dense.BernoulliDecoder(outputs, model.hidden, model.init)
    decoder = dense.GaussianDecoder(
        outputs,
        model.hidden,
        scale_floor=model.likelihood_floor,
        initialiser=model.init,
    )
    return encoder, decoder
