"""The prior of a run: its family, what is trained of it, and its settings."""

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

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
from experiments.models import objectives

FAMILIES: dict[str, ModuleType] = {
    "gaussian": gaussian,
    "full_covariance": full_gaussian,
    "student_t": student_t,
    "laplace": laplace,
    "spike_slab": spike_slab,
    "subspaces": subspaces,
    "hierarchical": hierarchical,
    "clusters": mixture,
    "mixture": mixture,
    "vamp": mixture,
}


def family(name: str) -> str:
    """The family of distributions of a prior: gaussian, or the prior's own name."""
    return "gaussian" if name in objectives.GAUSSIANS else name


class PriorOptions(NamedTuple):
    """What all runs of a config share; none of it is traced."""

    family: str  # a key of FAMILIES
    latents: int
    layout: str  # of the clusters
    variance: float  # of a cluster
    groups: tuple[int, ...]  # sizes of the subspaces
    components: int  # of a mixture or VampPrior
    top: int  # latents of the upper level of a hierarchy
    spike_scale: float
    slab_scale: float


class Traced(NamedTuple):
    """The numbers of one run."""

    df: jax.Array  # [] of Student-t factors or subspaces
    spike: jax.Array  # [] probability of the spike
    log_variances: jax.Array  # [D] of a Gaussian, or where its training starts
    learned: jax.Array  # [] 1 where the Gaussian is trained, else 0


def options(config: ConfigDict) -> PriorOptions:
    """The options of a validated config."""
    prior = config.prior
    return PriorOptions(
        family=family(config.prior.name[0]),
        latents=config.model.latents,
        layout=prior.layout,
        variance=prior.variance,
        groups=tuple(prior.groups),
        components=prior.components,
        top=prior.top,
        spike_scale=prior.spike_scale,
        slab_scale=prior.slab_scale,
    )


def init(
    key: jax.Array, options: PriorOptions, traced: Traced, outputs: int
) -> dict[str, jax.Array] | None:
    """Parameters of the prior, or None where it has none; X is `outputs`."""
    latents, components = options.latents, options.components
    if options.family == "gaussian":
        return {"log_variances": traced.log_variances}
    if options.family == "full_covariance":
        return {"factor": jnp.zeros((latents, latents))}
    if options.family == "mixture":
        return priors.mixture_start(key, components, latents, spread=1.0)._asdict()
    if options.family == "hierarchical":
        return priors.hierarchical_start(key, options.top, latents)._asdict()
    if options.family == "vamp":
        return {"pseudo_inputs": jax.random.normal(key, (components, outputs))}
    return None


def make(
    params: dict[str, jax.Array] | None,
    options: PriorOptions,
    traced: Traced,
    encode: Callable[[jax.Array], Gaussian],
) -> Any:
    """p(z), a distribution of the family.

    Args:
        params: From `init`.
        options: Shared.
        traced: Of the run.
        encode: Maps pseudo-inputs as trained `[K, X]` to posteriors, leaves `[K, D]`.
    """
    builders: dict[str, Callable[[], Any]] = {
        "student_t": lambda: priors.student_t(traced.df, options.latents),
        "laplace": lambda: priors.laplace(options.latents),
        "clusters": lambda: priors.clusters(
            layout=options.layout, variance=options.variance
        ),
        "spike_slab": lambda: priors.spike_and_slab(
            options.latents,
            spike_probability=traced.spike,
            spike_scale=options.spike_scale,
            slab_scale=options.slab_scale,
        ),
        "subspaces": lambda: priors.subspaces(options.groups, df=traced.df),
    }
    if options.family in builders:
        return builders[options.family]()
    assert params is not None
    trained: dict[str, Callable[[], Any]] = {
        "gaussian": lambda: priors.anisotropic(
            jnp.where(
                traced.learned > 0,
                params["log_variances"],
                jax.lax.stop_gradient(params["log_variances"]),
            )
        ),
        "full_covariance": lambda: priors.full_covariance(params["factor"]),
        "mixture": lambda: priors.free_mixture(**params),
        "hierarchical": lambda: priors.hierarchical(**params),
        "vamp": lambda: priors.vamp(encode(params["pseudo_inputs"])),
    }
    return trained[options.family]()


def log_prob(options: PriorOptions, p: Any) -> Callable[[jax.Array], jax.Array]:
    """log p of one z `[D]`."""
    return functools.partial(FAMILIES[options.family].log_prob, p)


def samples(key: jax.Array, options: PriorOptions, p: Any, count: int) -> jax.Array:
    """Independent draws of p(z), `[count, D]`."""
    keys = jax.random.split(key, count)
    return jax.vmap(lambda key: FAMILIES[options.family].sample(key, p))(keys)


def closed_kl(options: PriorOptions, p: Any) -> Callable[[Gaussian], jax.Array] | None:
    """KL(q(z|x) ‖ p(z)) of one posterior where it has a closed form, else None."""
    if options.family == "gaussian":
        return lambda q: gaussian.kl(q, p)
    if options.family == "full_covariance":
        return lambda q: full_gaussian.kl(full_gaussian.from_diagonal(q), p)
    return None


def moments(options: PriorOptions, p: Any) -> tuple[jax.Array, jax.Array]:
    """Mean `[D]` and covariance `[D, D]` of p(z)."""
    family = FAMILIES[options.family]
    return family.mean(p), family.covariance(p)
