"""The priors that a config may name, one entry each, and the prior of a run.

A prior of your own is registered in a config file, see `configs/your_own.py`:

    priors.register(priors.Prior("mine", "my prior", "", family, build))
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict, FrozenConfigDict

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
from experiments.system import registry

FACTORISED = "a density that is a product over latents"
COVARIANCE = "a mean and a covariance"

Row = Mapping[str, Any]  # a setting, over the columns of the sweep


class Traced(NamedTuple):
    """The numbers of one run."""

    df: jax.Array  # [] of Student-t factors or subspaces
    spike: jax.Array  # [] probability of the spike
    log_variances: jax.Array  # [D] of a Gaussian, or where its training starts
    learned: jax.Array  # [] 1 where the Gaussian is trained, else 0


class PriorOptions(NamedTuple):
    """What all runs of a config share; none of it is traced."""

    name: str  # a key of PRIORS
    latents: int
    fields: FrozenConfigDict  # `config.prior`

    @property
    def family(self) -> str:
        """The name of the program: priors of one family share it."""
        return program(self.name)


def everywhere(row: Row) -> bool:
    """True, for a prior that has a covariance in every setting."""
    del row
    return True


def fits(config: ConfigDict) -> str:
    """Nothing, for a prior that goes with every config."""
    del config
    return ""


class Prior(NamedTuple):
    """All that is known of a prior."""

    name: str  # in `config.prior.name`
    label: str  # in figures and reports
    source: str
    # A module or an object with log_prob(p, z), sample(key, p) and, where they exist,
    # mean(p) and covariance(p), all of one z [D].
    family: Any
    # (params, options, traced, encode) to p, a distribution of the family over [D];
    # `encode` maps inputs [K, X] to posteriors, leaves [K, D].
    build: Callable[..., Any]
    # (key, options, traced, X) to the parameters that are trained, or kept, with a run.
    init: Callable[..., dict[str, jax.Array]] | None = None
    kl: Callable[[Gaussian, Any], jax.Array] | None = None  # KL(q ‖ p) in closed form
    reads: tuple[str, ...] = ()  # columns of the sweep: df, spike
    factorised: bool = False  # whether p(z) = Π_d p(z_d)
    together: str = ""  # priors with the same word are one program, swept together
    has_covariance: Callable[[Row], bool] = everywhere
    refusal: Callable[[ConfigDict], str] = fits  # why it does not fit a config, or ""


PRIORS: dict[str, Prior] = {}


def register(prior: Prior) -> None:
    """Makes a prior known to configs by its name.

    Raises:
        ValueError: One line, for a name that is taken or a family without density.
    """
    for needed in ("log_prob", "sample"):
        if not callable(getattr(prior.family, needed, None)):
            raise ValueError(
                f"prior {prior.name} expects a family with the functions log_prob(p, "
                f"z) and sample(key, p); got one without {needed}."
            )
    labels.add_entry(PRIORS, prior, "prior")


def names() -> tuple[str, ...]:
    """The names of all priors."""
    return tuple(PRIORS)


def program(name: str) -> str:
    """What priors that share a compiled program have in common."""
    return PRIORS[name].together or name


def factorised() -> tuple[str, ...]:
    """The names of those that factorise over latents."""
    return tuple(name for name, prior in PRIORS.items() if prior.factorised)


def options(config: ConfigDict) -> PriorOptions:
    """The options of a validated config."""
    return PriorOptions(
        config.prior.name[0], config.model.latents, FrozenConfigDict(config.prior)
    )


def init(
    key: jax.Array, options: PriorOptions, traced: Traced, outputs: int
) -> dict[str, jax.Array] | None:
    """Parameters of the prior, or None where it has none; X is `outputs`."""
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
        params: From `init`.
        options: What all runs share.
        traced: The numbers of the run.
        encode: Maps pseudo-inputs as trained `[K, X]` to posteriors, leaves `[K, D]`.
    """
    return PRIORS[options.name].build(params, options, traced, encode)


def log_prob(options: PriorOptions, p: Any) -> Callable[[jax.Array], jax.Array]:
    """log p of one z `[D]`."""
    return lambda z: PRIORS[options.name].family.log_prob(p, z)


def samples(key: jax.Array, options: PriorOptions, p: Any, count: int) -> jax.Array:
    """Independent draws of p(z), `[count, D]`."""
    return estimates.prior_samples(key, p, PRIORS[options.name].family, count)


def closed_kl(options: PriorOptions, p: Any) -> Callable[[Gaussian], jax.Array] | None:
    """KL(q(z|x) ‖ p(z)) of one posterior where it has a closed form, else None."""
    kl = PRIORS[options.name].kl
    return None if kl is None else lambda q: kl(q, p)


# ---------------------------------------------------------------- those of the papers


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
            "prior.name = subspaces expects prior.groups, such as 5,5 for two "
            "subspaces of five latents; got none."
        )
    if sum(groups) == latents and min(groups) >= 1:
        return ""
    return (
        f"prior.groups expects sizes that add up to model.latents = {latents}; "
        f"got {groups}."
    )


def _of_levels(config: ConfigDict) -> str:
    latents = config.model.latents
    if 0 < config.prior.top < latents:
        return ""
    return (
        "prior.name = hierarchical expects prior.top between 1 and "
        f"model.latents − 1 = {latents - 1}; got {config.prior.top}."
    )


def _of_the_plane(config: ConfigDict) -> str:
    if config.model.latents == 2:
        return ""
    return (
        "prior.name = clusters lies in the plane and expects model.latents = 2; "
        f"got {config.model.latents}. prior.name = mixture takes any."
    )


def _finite_variance(row: Row) -> bool:
    return row["df"] > 2


_MATHIEU = "Mathieu et al. 2018, arXiv:1812.02833"
for _name in ("isotropic", "pca", "learned"):
    register(
        Prior(
            _name,
            labels.PRIORS[_name],
            _MATHIEU,
            gaussian,
            _gaussian,
            init=_gaussian_start,
            kl=gaussian.kl,
            factorised=True,
            together="gaussian",
        )
    )
register(
    Prior(
        "student_t",
        labels.PRIORS["student_t"],
        _MATHIEU,
        student_t,
        lambda params, options, traced, encode: priors.student_t(
            traced.df, options.latents
        ),
        reads=("df",),
        factorised=True,
        has_covariance=_finite_variance,
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
            spike_probability=traced.spike,
            spike_scale=options.fields.spike_scale,
            slab_scale=options.fields.slab_scale,
        ),
        reads=("spike",),
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
        refusal=_of_the_plane,
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
    )
)
register(
    Prior(
        "subspaces",
        "Student-t subspaces",
        _MATHIEU,
        subspaces,
        lambda params, options, traced, encode: priors.subspaces(
            tuple(options.fields.groups), df=traced.df
        ),
        reads=("df",),
        has_covariance=_finite_variance,
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
    )
)
registry.close(PRIORS)
