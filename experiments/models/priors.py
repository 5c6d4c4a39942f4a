"""The priors that a config may name, one entry each, and the prior of a run.

A prior of your own is registered in a config file, see `configs/your_own.py`:

    priors.register(priors.Prior("mine", "my prior", "", family, build))
"""

import math
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict, FrozenConfigDict

from configs import base
from configs.base import Field, Parameter
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
from decomp.divergences import estimates
from experiments.results import labels
from experiments.system import declarations, registry

Row = Mapping[str, Any]  # a setting: values by column of the sweep


class Traced(NamedTuple):
    """The traced numbers of one run."""

    # The parameters [] by name that some prior of the config reads, see `Prior.fields`.
    parameters: Mapping[str, jax.Array]
    log_variances: jax.Array  # [D] those of a Gaussian, or their initial values
    learned: jax.Array  # [] 1 if the Gaussian is trained, else 0


class PriorOptions(NamedTuple):
    """The static options that all runs of a config share."""

    name: str  # a key of PRIORS
    latents: int
    fields: FrozenConfigDict  # `config.prior`

    @property
    def family(self) -> str:
        """The name of the program, which priors of one family share."""
        return program(self.name)


def nowhere(row: Row) -> str:
    """Returns "", for a prior that lacks a covariance in no setting."""
    del row
    return ""


def fits(config: ConfigDict) -> str:
    """Returns "", for a prior that fits every config."""
    del config
    return ""


def six(options: PriorOptions) -> float:
    """Returns 6, for a prior of about unit variance."""
    del options
    return 6.0


class Prior(NamedTuple):
    """A prior that configs can name.

    `build(params, options, traced, encode)` returns p, a distribution of `family`:

    - `params` has the trained parameters that `init` returns; most priors have none;
    - `options` is `PriorOptions`: `options.latents` is D, and `options.fields` has the
      values of `config.prior`;
    - `traced.parameters` has the numbers `[]` that a sweep may vary, by the name of the
      `base.Parameter` in `fields`;
    - `encode` maps inputs `[K, X]` to posteriors with leaves `[K, D]`.

    A prior with `factorised=True` can be used by objectives that need
    p(z) = Π_d p(z_d), such as the β-TCVAE.
    """

    name: str  # in `config.prior.name`
    label: str  # in figures and reports
    source: str
    # A module or an object with log_prob(p, z), sample(key, p) and, where they exist,
    # mean(p) and covariance(p), all of one z [D].
    family: Any
    # Maps (params, options, traced, encode) to p, a distribution of the family over
    # [D]; `encode` maps inputs [K, X] to posteriors, leaves [K, D].
    build: Callable[..., Any]
    # Maps (key, options, traced, X) to the initial parameters of the prior.
    init: Callable[..., dict[str, jax.Array]] | None = None
    kl: Callable[[Gaussian, Any], jax.Array] | None = None  # KL(q ‖ p) in closed form
    # The fields `prior.NAME` that it reads: a `base.Parameter` from
    # `traced.parameters`; a `base.Field` from `options.fields`, and each of its values
    # has a program of its own.
    fields: Mapping[str, Parameter | Field] = {}
    factorised: bool = False  # whether p(z) = Π_d p(z_d)
    grouped: bool = False  # whether it factorises over the subspaces of `prior.groups`
    principal: bool = False  # whether its variances start as the data's, by PCA
    learned: bool = False  # whether these are trained
    together: str = ""  # priors with the same word share a program
    # When it has a covariance and what came, if it has none in a setting, or "".
    without_covariance: Callable[[Row], str] = nowhere
    refusal: Callable[[ConfigDict], str] = fits  # why a config does not fit, or ""
    # Maps (p, z) to draws of N(0, I) if z is drawn from p; scores are given of these
    # codes too.
    transport: Callable[[Any, jax.Array], jax.Array] | None = None
    reach: Callable[[PriorOptions], float] = six  # [−r, r]² has its mass, in the plane


PRIORS: dict[str, Prior] = {}


def register(prior: Prior) -> None:
    """Registers a prior under its name, for configs.

    Raises:
        ValueError: One line, for a name that is taken, a family without a density, or
            fields that `declarations.check` refuses.
    """
    for needed in ("log_prob", "sample"):
        if not callable(getattr(prior.family, needed, None)):
            raise ValueError(
                f"prior {prior.name}: its family must have the functions log_prob(p, "
                f"z) and sample(key, p); got one without {needed}."
            )
    declarations.check(
        f"prior {prior.name}",
        "prior",
        prior.fields,
        declared(),
        kinds=(Parameter, Field),
    )
    labels.add_entry(
        PRIORS, prior, "prior", parameters=declarations.traced(prior.fields)
    )


def declared() -> declarations.Declarations:
    """The fields of `config.prior` that each prior declares."""
    return {name: prior.fields for name, prior in PRIORS.items()}


def read_by(names: Collection[str]) -> dict[str, Parameter]:
    """The parameters that some priors have between them."""
    return declarations.traced(declarations.every(declared(), names))


def names() -> tuple[str, ...]:
    """The names of all priors."""
    return tuple(PRIORS)


def program(name: str) -> str:
    """The name that priors with a shared program have in common."""
    return PRIORS[name].together or name


def factorised() -> tuple[str, ...]:
    """The names of the priors that factorise over latents."""
    return tuple(name for name, prior in PRIORS.items() if prior.factorised)


def options(config: ConfigDict) -> PriorOptions:
    """The options of a validated config."""
    return PriorOptions(
        config.prior.name[0], config.model.latents, FrozenConfigDict(config.prior)
    )


def init(
    key: jax.Array, options: PriorOptions, traced: Traced, outputs: int
) -> dict[str, jax.Array] | None:
    """Initial parameters of the prior, or None if it has none; X is `outputs`."""
    start = PRIORS[options.name].init
    return start(key, options, traced, outputs) if start else None


def make(
    params: dict[str, jax.Array] | None,
    options: PriorOptions,
    traced: Traced,
    encode: Callable[[jax.Array], Gaussian],
) -> Any:
    """p(z), a distribution of the family.

    Args:
        params: Parameters, initially from `init`.
        options: The options that all runs share.
        traced: The traced numbers of the run.
        encode: Maps trained pseudo-inputs `[K, X]` to posteriors, leaves `[K, D]`.
    """
    return PRIORS[options.name].build(params, options, traced, encode)


def log_prob(options: PriorOptions, p: Any) -> Callable[[jax.Array], jax.Array]:
    """The log density of one z `[D]`."""
    return lambda z: PRIORS[options.name].family.log_prob(p, z)


def samples(key: jax.Array, options: PriorOptions, p: Any, count: int) -> jax.Array:
    """Independent draws of p(z), `[count, D]`."""
    return estimates.prior_samples(key, p, PRIORS[options.name].family, count)


def closed_kl(options: PriorOptions, p: Any) -> Callable[[Gaussian], jax.Array] | None:
    """KL(q(z|x) ‖ p(z)) of one posterior if it has a closed form, else None."""
    kl = PRIORS[options.name].kl
    return None if kl is None else lambda q: kl(q, p)


# ---------------------------------------------------------------- priors of the papers


def _gaussian_start(key, options, traced, outputs):
    del key, options, outputs
    return {"log_variances": traced.log_variances}


def _gaussian(params, options, traced, encode):
    del options, encode
    fixed = jax.lax.stop_gradient(params["log_variances"])
    return priors.anisotropic(
        jnp.where(traced.learned > 0, params["log_variances"], fixed)
    )


def _of_groups(config: ConfigDict) -> str:
    groups, latents = config.prior.groups, config.model.latents
    if not groups:
        return (
            "prior.name = subspaces needs prior.groups, such as 5,5 for two "
            "subspaces of five latents; got none."
        )
    if sum(groups) == latents and min(groups) >= 1:
        return ""
    return (
        f"prior.groups must be sizes whose sum is model.latents = {latents}; "
        f"got {groups}."
    )


def _of_levels(config: ConfigDict) -> str:
    latents = config.model.latents
    if 0 < config.prior.top < latents:
        return ""
    return (
        "prior.name = hierarchical needs prior.top between 1 and "
        f"model.latents − 1 = {latents - 1}; got {config.prior.top}."
    )


def _of_the_plane(config: ConfigDict) -> str:
    if config.model.latents == 2:
        return ""
    return (
        "prior.name = clusters lies in the plane and needs model.latents = 2; "
        f"got {config.model.latents}. prior.name = mixture takes any."
    )


def _around_clusters(options: PriorOptions) -> float:
    return 1 + 6 * math.sqrt(options.fields.variance)  # all but 1e-8 of the mass


def _infinite_variance(row: Row) -> str:
    return "" if row["df"] > 2 else f"for prior.df above 2 only; got {row['df']:g}"


_DF = Parameter(
    "ν",
    base.PARAMETERS["df"],
    "degrees of freedom ν; inf is the Gaussian",
    base.ABOVE_ZERO,
)
_SPIKE = Parameter(
    "spike",
    base.PARAMETERS["spike"],
    "probability that a latent is off",
    base.BELOW_ONE,
    unread=0.0,
)
_MATHIEU = "Mathieu et al. 2018, arXiv:1812.02833"
_of = partial(declarations.of_package, "prior")
_ISOTROPIC = Prior(
    "isotropic",
    "isotropic Gaussian",
    _MATHIEU,
    gaussian,
    _gaussian,
    init=_gaussian_start,
    kl=gaussian.kl,
    factorised=True,
    together="gaussian",
)
_PCA = _ISOTROPIC._replace(
    name="pca",
    label="anisotropic Gaussian, PCA values",
    principal=True,
    fields=_of("pca_ranks"),
)
register(_ISOTROPIC)
register(_PCA)
register(
    _PCA._replace(name="learned", label="anisotropic Gaussian, learned", learned=True)
)
register(
    Prior(
        "student_t",
        "Student-t",
        _MATHIEU,
        student_t,
        lambda params, options, traced, encode: priors.student_t(
            traced.parameters["df"], options.latents
        ),
        fields={"df": _DF},
        factorised=True,
        without_covariance=_infinite_variance,
        transport=student_t.transport_to_normal,
    )
)
register(
    Prior(
        "laplace",
        "Laplace",
        "",
        laplace,
        lambda params, options, traced, encode: priors.laplace(options.latents),
        factorised=True,
    )
)
register(
    Prior(
        "spike_slab",
        "spike and slab",
        _MATHIEU,
        spike_slab,
        lambda params, options, traced, encode: priors.spike_and_slab(
            options.latents,
            spike_probability=traced.parameters["spike"],
            spike_scale=options.fields.spike_scale,
            slab_scale=options.fields.slab_scale,
        ),
        fields={"spike": _SPIKE, **_of("spike_scale", "slab_scale")},
        factorised=True,
    )
)
register(
    Prior(
        "full_covariance",
        "Gaussian of full covariance, learned",
        _MATHIEU,
        full_gaussian,
        lambda params, options, traced, encode: priors.full_covariance(
            params["factor"]
        ),
        init=lambda key, options, traced, outputs: {
            "factor": jnp.zeros((options.latents, options.latents))
        },
        kl=lambda q, p: full_gaussian.kl(full_gaussian.from_diagonal(q), p),
    )
)
register(
    Prior(
        "clusters",
        "four clusters",
        _MATHIEU,
        mixture,
        lambda params, options, traced, encode: priors.clusters(
            layout=options.fields.layout, variance=options.fields.variance
        ),
        fields=_of("layout", "variance"),
        refusal=_of_the_plane,
        reach=_around_clusters,
    )
)
register(
    Prior(
        "mixture",
        "mixture, learned",
        _MATHIEU,
        mixture,
        lambda params, options, traced, encode: priors.free_mixture(**params),
        init=lambda key, options, traced, outputs: priors.mixture_start(
            key, options.fields.components, options.latents, spread=1.0
        )._asdict(),
        fields=_of("components"),
    )
)
register(
    Prior(
        "subspaces",
        "Student-t subspaces",
        _MATHIEU,
        subspaces,
        lambda params, options, traced, encode: priors.subspaces(
            tuple(options.fields.groups), df=traced.parameters["df"]
        ),
        fields={"df": _DF, **_of("groups")},
        grouped=True,
        without_covariance=_infinite_variance,
        refusal=_of_groups,
    )
)
register(
    Prior(
        "hierarchical",
        "hierarchical",
        _MATHIEU,
        hierarchical,
        lambda params, options, traced, encode: priors.hierarchical(**params),
        init=lambda key, options, traced, outputs: priors.hierarchical_start(
            key, options.fields.top, options.latents
        )._asdict(),
        fields=_of("top"),
        refusal=_of_levels,
    )
)
register(
    Prior(
        "vamp",
        "VampPrior",
        "Tomczak & Welling 2018, arXiv:1705.07120",
        mixture,
        lambda params, options, traced, encode: priors.vamp(
            encode(params["pseudo_inputs"])
        ),
        init=lambda key, options, traced, outputs: {
            "pseudo_inputs": jax.random.normal(
                key, (options.fields.components, outputs)
            )
        },
        fields=_of("components"),
    )
)
registry.close(PRIORS)
