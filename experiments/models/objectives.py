"""Which objectives, divergences and priors there are, and which go together.

The table of the README: a cell that makes no sense says why.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from decomp import losses
from decomp.losses import Terms

GAUSSIANS = ("isotropic", "pca", "learned")  # traced: one program, swept together
FACTORISED = (*GAUSSIANS, "student_t", "laplace", "spike_slab")
PRIORS = (
    *FACTORISED,
    *("full_covariance", "clusters", "mixture", "subspaces", "hierarchical", "vamp"),
)
FREE = "free"  # the divergence of an objective that takes any
NONE = "none"  # that of an objective without one
SWEPT_BY = {"df": ("student_t", "subspaces"), "spike": ("spike_slab",)}


class Weights(NamedTuple):
    """The numbers that objectives weigh terms with."""

    alpha: jax.Array  # []
    beta: jax.Array  # []
    gamma: jax.Array  # []
    capacity: jax.Array  # [] nats


class Objective(NamedTuple):
    """One row of the table."""

    value: Callable[[Terms, Weights], jax.Array]  # per example [B]
    weights: tuple[str, ...]  # that it reads
    divergence: str | None = None  # its D, None, or FREE
    has_parts: bool = False  # whether it weighs the parts of the KL


OBJECTIVES = {
    "vae": Objective(lambda t, w: losses.elbo(t), ()),
    "beta_vae": Objective(lambda t, w: losses.beta_vae(t, w.beta), ("beta",)),
    "alpha_beta": Objective(
        lambda t, w: losses.alpha_beta(t, w.alpha, w.beta), ("alpha", "beta"), FREE
    ),
    "entropy_regularised": Objective(
        lambda t, w: losses.entropy_regularised(t, w.beta), ("beta",)
    ),
    "capacity": Objective(
        lambda t, w: losses.capacity(t, w.gamma, w.capacity), ("gamma",)
    ),
    "beta_tcvae": Objective(
        lambda t, w: losses.beta_tcvae(t, w.alpha, w.beta, w.gamma),
        ("alpha", "beta", "gamma"),
        has_parts=True,
    ),
    "hfvae": Objective(
        lambda t, w: losses.hfvae(t, w.alpha, w.beta, w.gamma),
        ("alpha", "beta", "gamma"),
        has_parts=True,
    ),
    "factor_vae": Objective(
        lambda t, w: losses.factor_vae(t, w.gamma), ("gamma",), "total_correlation"
    ),
    "info_vae": Objective(
        lambda t, w: losses.info_vae(t, w.alpha, w.gamma), ("alpha", "gamma"), FREE
    ),
    "wae_mmd": Objective(lambda t, w: losses.wae(t, w.alpha), ("alpha",), "mmd_imq"),
    "wae_gan": Objective(
        lambda t, w: losses.wae(t, w.alpha), ("alpha",), "non_saturating"
    ),
    "dip_vae_i": Objective(
        lambda t, w: losses.dip_vae(t), ("alpha", "gamma"), "covariance_of_means"
    ),
    "dip_vae_ii": Objective(
        lambda t, w: losses.dip_vae(t), ("alpha", "gamma"), "covariance_of_aggregate"
    ),
    # Not a sum of terms: `training.loss.value` computes it from samples of its own.
    "iwae": Objective(lambda t, w: losses.elbo(t), ()),
}

# D by name, for the objectives that take any; the others are of one objective.
DIVERGENCES = (
    "kl_prior_aggregate",
    "kl_aggregate_prior",
    "mmd_rbf",
    "mmd_imq",
    "mmd_rbf_dims",
    "mmd_imq_dims",
    "sliced_wasserstein",
    "moments",
    "jensen_shannon",
)
ADVERSARIAL = ("jensen_shannon", "non_saturating", "total_correlation")
_OF_COVARIANCES = ("moments", "covariance_of_means", "covariance_of_aggregate")


def divergence(row: Mapping[str, Any]) -> str:
    """The divergence that a setting computes, or NONE."""
    own = OBJECTIVES[row["objective"]].divergence
    if own != FREE:
        return own or NONE
    weighed = row["alpha"] > 0 or row["objective"] != "alpha_beta"
    return row["divergence"] if weighed else NONE


def of_pairs(row: Mapping[str, Any]) -> str:
    """What compares the points of a minibatch, and of one tells nothing; "" if none.

    A covariance of one point is 0, and q(z) of one posterior is that posterior, whose
    total correlation is 0. A critic of q(z) and p(z) is asked about each by itself.
    """
    name, measure = row["objective"], divergence(row)
    if OBJECTIVES[name].has_parts:
        return f"objective.name = {name}"
    alone = measure in (NONE, "jensen_shannon", "non_saturating")
    return "" if alone else f"the divergence {measure}"


def refusal(
    row: Mapping[str, Any], *, groups: tuple[int, ...], prior_groups: tuple[int, ...]
) -> str:
    """Why objective, divergence and prior of a setting do not go together, or "".

    Args:
        row: A setting, over the columns of `settings.COLUMNS`.
        groups: Of latents, for hfvae.
        prior_groups: The subspaces of the prior.
    """
    name, prior, measure = row["objective"], row["prior"], divergence(row)
    undefined = prior in SWEPT_BY["df"] and row["df"] <= 2
    if measure in _OF_COVARIANCES and undefined:
        return (
            f"{measure} matches the prior's covariance, which a {prior} prior has for "
            f"prior.df above 2 only; got {row['df']:g}."
        )
    if prior in FACTORISED:
        return ""
    in_groups = prior == "subspaces" and groups == prior_groups and row["gamma"] == 1
    if name == "hfvae" and not in_groups:
        reason = (
            "weighs KL(q(z_d) ‖ p(z_d)), which needs a prior that factorises over "
            "latents, or subspaces of the same groups with objective.gamma = 1"
        )
    elif name == "beta_tcvae":
        reason = (
            "weighs Σ_d KL(q(z_d) ‖ p(z_d)), which needs a prior that factorises over "
            "latents"
        )
    elif measure == "total_correlation":
        reason = (
            "drives q(z) to the product of its marginals, which needs a prior that "
            "factorises over latents"
        )
    elif measure.endswith("_dims"):
        reason = (
            f"with objective.divergence = {measure} compares marginals alone, which "
            "needs a prior that factorises over latents"
        )
    else:
        return ""
    return (
        f"objective.name = {name} {reason}: expected prior.name among "
        f"{', '.join(FACTORISED)}; got {prior}."
    )
