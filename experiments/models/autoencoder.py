"""The VAE of a config: networks, prior, and the traced numbers of a run.

`model` converts it to the `Model` that `decomp.model` trains.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from ml_collections import ConfigDict, FrozenConfigDict

from configs.base import Parameter
from decomp import schedules
from decomp.distributions import bernoulli, gaussian
from decomp.distributions.bernoulli import Bernoulli
from decomp.distributions.gaussian import Gaussian
from decomp.divergences.estimates import Minibatch
from decomp.losses import Terms
from decomp.model import Model, switch
from experiments.data import arrays
from experiments.data.arrays import Dataset, Decode
from experiments.models import networks, objectives, priors
from experiments.models.divergences import DIVERGENCES, NONE, read_by
from experiments.models.objectives import Weights

Params = dict[str, Any]


class Hyperparameters(NamedTuple):
    """The traced numbers of one run."""

    weights: Weights
    prior: priors.Traced
    learning_rate: jax.Array  # [] of all parameters except the critic's
    critic_learning_rate: jax.Array  # []
    objective: jax.Array  # [] index in VAE.objectives
    divergence: jax.Array  # [] index in VAE.divergences
    # [] initial factor of the codes, see `corollary_2_start`
    code_scale: jax.Array


class VAE(NamedTuple):
    """The static parts that all runs of a config share."""

    encoder: nn.Module
    decoder: nn.Module
    critic: nn.Module | None  # which distinguishes z ~ q(z) from other draws
    prior: priors.PriorOptions
    prior_count: float  # the factor of log p(z) in the KL
    objective: FrozenConfigDict  # `config.objective`
    objectives: tuple[str, ...]  # keys of objectives.OBJECTIVES
    divergences: tuple[str, ...]  # keys of divergences.DIVERGENCES
    size: int  # number of data points N
    latents: int
    shape: tuple[int, ...]  # (H, W, C) of an image; () for points of the plane
    unpack: Decode  # stored rows [B, P] to x [B, X]
    outputs: int  # X
    pixels_per_value: int  # weight of log p for one value of x
    factor_sizes: tuple[int, ...]  # number of classes of each factor


def make(
    config: ConfigDict,
    rows: list[dict[str, Any]],
    data: Dataset,
    *,
    backend: str = "",
) -> VAE:
    """Builds the VAE of a validated config, its settings and its data's shapes.

    `backend` is the backend for which it is compiled, see `networks.make`.
    """
    outputs = arrays.width(data)
    encoder, decoder = networks.make(
        config.model, data.shape or (outputs,), backend=backend
    )
    divergences = tuple(dict.fromkeys(map(objectives.divergence, rows)))
    adversarial = any(DIVERGENCES[name].critic for name in divergences)
    return VAE(
        encoder=encoder,
        decoder=decoder,
        critic=networks.critic(config.critic, config.model) if adversarial else None,
        prior=priors.options(config),
        prior_count=config.objective.prior_count,
        objective=FrozenConfigDict(config.objective),
        objectives=tuple(dict.fromkeys(row["objective"] for row in rows)),
        divergences=divergences,
        size=len(data.points),
        latents=config.model.latents,
        shape=data.shape,
        unpack=data.decode,
        outputs=outputs,
        pixels_per_value=data.pixels_per_value,
        factor_sizes=factor_sizes(data),
    )


def factor_sizes(data: Dataset) -> tuple[int, ...]:
    """The number of classes of each factor."""
    return tuple(int(column.max()) + 1 for column in data.factors.T)


def init(key: jax.Array, vae: VAE, setting: Hyperparameters) -> Params:
    """Initial parameters of encoder and decoder and, if any, of prior and critic."""
    encoder_key, decoder_key = jax.random.split(key)
    x, z = jnp.zeros((1, vae.outputs)), jnp.zeros((1, vae.latents))
    params = {
        "encoder": vae.encoder.init(encoder_key, x)["params"],
        "decoder": vae.decoder.init(decoder_key, z)["params"],
    }
    prior_key = jax.random.fold_in(key, 1)
    trained = priors.init(prior_key, vae.prior, setting.prior, vae.outputs)
    if trained is not None:
        params["prior"] = trained
    if vae.critic is not None:
        params["critic"] = vae.critic.init(jax.random.fold_in(key, 2), z)["params"]
    return params


def data_values(vae: VAE, points: jax.Array) -> jax.Array:
    """Inputs of the encoder `[B, X]` from stored rows `[B, P]`."""
    return vae.unpack(points)


def encode(vae: VAE, params: Params, x: jax.Array) -> Gaussian:
    """q(z|x) of x `[B, X]`: leaves `[B, D]`."""
    return vae.encoder.apply({"params": params["encoder"]}, x)


def decode(vae: VAE, params: Params, z: jax.Array) -> Gaussian | Bernoulli:
    """p(x|z) of latents `[B, D]`: leaves `[B, X]`."""
    likelihood = vae.decoder.apply({"params": params["decoder"]}, z)
    return likelihood if isinstance(likelihood, Gaussian) else Bernoulli(likelihood)


def log_px_z(vae: VAE, params: Params, x: jax.Array, z: jax.Array) -> jax.Array:
    """log p(x|z) in nats `[B]` of x `[B, X]` and z `[B, D]`."""
    likelihood = decode(vae, params, z)
    if isinstance(likelihood, Gaussian):
        values = jax.vmap(gaussian.log_prob)(likelihood, x)
    else:
        values = jax.vmap(bernoulli.log_prob)(likelihood, x)
    return vae.pixels_per_value * values


def mean(vae: VAE, params: Params, z: jax.Array) -> jax.Array:
    """The mean `[B, X]` of p(x|z) for latents `[B, D]`; unbounded for a Gaussian."""
    likelihood = decode(vae, params, z)
    if isinstance(likelihood, Gaussian):
        return likelihood.loc
    return bernoulli.mean(likelihood)


def prior(vae: VAE, params: Params, setting: Hyperparameters) -> Any:
    """p(z), a distribution over `[D]` of the VAE's family."""

    def pseudo_posteriors(free: jax.Array) -> Gaussian:
        return encode(vae, params, jax.nn.sigmoid(free) if vae.shape else free)

    return priors.make(params.get("prior"), vae.prior, setting.prior, pseudo_posteriors)


def model(vae: VAE) -> Model:
    """The `Model` that `decomp.model` trains; a setting is `Hyperparameters`."""
    entries = [objectives.OBJECTIVES[name] for name in vae.objectives]
    estimates = [DIVERGENCES[name].estimate for name in vae.divergences]
    critic, section = vae.critic, vae.objective

    def objective(
        terms: Terms, weights: Weights, setting: Hyperparameters
    ) -> jax.Array:
        # Static values among the weights are no operands of a switch.
        branches = [lambda terms, of=e.value: of(terms, weights) for e in entries]
        return switch(setting.objective, branches, terms)

    def divergence(
        key: jax.Array, batch: Minibatch, setting: Hyperparameters
    ) -> jax.Array:
        branches = [lambda key, of=of: of(key, batch) for of in estimates]
        return switch(setting.divergence, branches, key)

    return Model(
        encode=lambda params, x: encode(vae, params, x),
        log_px_z=lambda params, x, z: log_px_z(vae, params, x, z),
        prior=lambda params, setting: prior(vae, params, setting),
        family=lambda p: priors.PRIORS[vae.prior.name].family,
        kl=lambda p: priors.closed_kl(vae.prior, p),
        weights=lambda setting, progress: weights(vae, setting, progress),
        objective=objective,
        divergence=divergence if vae.divergences != (NONE,) else None,
        estimator=section.estimator,
        size=vae.size,
        groups=section.groups,
        has_parts=any(e.has_parts for e in entries),
        # A bound of several samples is the only objective of its program.
        samples=section.samples if any(e.importance_weighted for e in entries) else 0,
        critic=(lambda params, z: critic.apply({"params": params["critic"]}, z))
        if critic is not None
        else None,
        against=tuple(DIVERGENCES[name].critic for name in vae.divergences),
        chosen=lambda setting: setting.divergence,
        prior_count=vae.prior_count,
    )


def weights(vae: VAE, setting: Hyperparameters, progress: jax.Array) -> Weights:
    """The weights at a share of the training in [0, 1], and the static fields.

    A static field without a schedule has the value of the config.
    """
    section = vae.objective
    options = {"warm_up": section.warm_up, "cycles": section.cycles}

    def now(name: str, final: Any) -> Any:
        if name not in section.schedule:
            return final
        return final * schedules.SCHEDULES[section.schedule[name]](progress, **options)

    static = {name: section[name] for name in objectives.static(vae.objectives)}
    return {name: now(name, v) for name, v in {**setting.weights, **static}.items()}


def setting_arrays(
    config: ConfigDict,
    data: Dataset,
    rows: list[dict[str, Any]],
    vae: VAE,
    *,
    variances: np.ndarray | None = None,
) -> Hyperparameters:
    """The settings of a sweep as arrays, leaves `[settings]`.

    `variances` `[D]` are those of the data along the principal axes; if a prior needs
    them and they are not given, they are computed from the data.
    """
    latents = config.model.latents
    of_rows = [priors.PRIORS[row["prior"]] for row in rows]
    losses = [objectives.OBJECTIVES[row["objective"]] for row in rows]
    flat = spectrum = np.zeros(latents)
    if any(p.principal for p in of_rows):
        if variances is None:
            variances = arrays.principal_variances(data, config)
        spectrum = np.log(variances)
        spectrum = spectrum - spectrum.mean()

    def column(name: str) -> list[Any]:
        return [row[name] for row in rows]

    def swept(name: str, value: float) -> list[Any]:
        return [row.get(name, value) for row in rows]

    def traced(parameters: Mapping[str, Parameter]) -> dict[str, list[float]]:
        return {name: swept(name, own.default) for name, own in parameters.items()}

    names = tuple(dict.fromkeys(loss.name for loss in losses))
    setting = Hyperparameters(
        weights=traced(objectives.read_by(names)) | traced(read_by(vae.divergences)),
        prior=priors.Traced(
            parameters=traced(priors.read_by({p.name for p in of_rows})),
            log_variances=[spectrum if p.principal else flat for p in of_rows],
            learned=[p.learned for p in of_rows],
        ),
        learning_rate=swept("learning_rate", config.train.learning_rate),
        critic_learning_rate=swept("critic_learning_rate", config.critic.learning_rate),
        objective=[vae.objectives.index(name) for name in column("objective")],
        divergence=[vae.divergences.index(objectives.divergence(row)) for row in rows],
        code_scale=[
            loss.code_scale(row) if config.objective.matched else 1.0
            for row, loss in zip(rows, losses, strict=True)
        ],
    )
    return jax.tree.map(
        lambda values: jnp.asarray(np.asarray(values, np.float32)),
        setting,
        is_leaf=lambda node: isinstance(node, list),
    )
