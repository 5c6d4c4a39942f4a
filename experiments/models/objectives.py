"""The objectives that a config may name, one entry each, and what they need.

An objective of your own is registered in a config file, see `configs/your_own.py`:

    objectives.register(objectives.Objective("mine", "my loss", "", value, fields))
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import jax

import decomp.objectives
from configs import base
from configs.base import Field, Parameter
from decomp.losses import Terms
from decomp.objectives import FREE, NONE
from experiments.models import divergences, priors
from experiments.results import labels
from experiments.system import declarations, registry

Weights = Mapping[str, Any]  # weights [] and values of static fields, by name
Row = Mapping[str, Any]  # a setting: values by column of the sweep


def always(row: Row) -> bool:
    """Returns True, for an objective that weighs D in every setting."""
    del row
    return True


def never(row: Row) -> bool:
    """Returns False, for an objective that needs a prior over single latents."""
    del row
    return False


def unscaled(row: Row) -> float:
    """Returns 1, for an objective whose codes have the scale of the β-VAE's."""
    del row
    return 1.0


class Objective(NamedTuple):
    """An objective that configs can name.

    `value(terms, weights)` returns what is maximised, per example `[B]`:

    - `terms` are the `decomp.losses.Terms` of a minibatch;
    - `weights` has the numbers `[]` that a sweep may vary, by the name of the
      `base.Parameter` in `fields`, and what the config has for each `base.Field` there.
    """

    name: str  # in `config.objective.name`
    label: str  # in figures and reports
    source: str
    value: Callable[[Terms, Weights], jax.Array]
    # The fields `objective.NAME` that it reads: a `base.Parameter` is a weight, which
    # may have a schedule; a `base.Field` is static, and each of its values has a
    # program of its own.
    fields: Mapping[str, Parameter | Field] = {}
    divergence: str = NONE  # its D, NONE, or FREE if the config chooses
    factorised: str = ""  # why it needs a prior that factorises; "" if it does not
    # Whether subspaces of its `objective.groups` are a prior for it too, in a setting.
    own_groups: Callable[[Row], bool] = never
    has_parts: bool = False  # whether it weights the parts of the KL
    weighs: Callable[[Row], bool] = always  # whether D has a weight in a setting
    # Whether it is the bound of several samples, which needs a program of its own.
    importance_weighted: bool = False
    # The factor of the codes with which it is the β-VAE, if `objective.matched`.
    code_scale: Callable[[Row], float] = unscaled
    notation: str = ""  # what is maximised, as documents and reports write it


OBJECTIVES: dict[str, Objective] = {}


def register(objective: Objective) -> None:
    """Registers an objective under its name, for configs.

    Raises:
        ValueError: One line, for a name that is taken, an unknown divergence, or
            fields that `declarations.check` refuses.
    """
    if objective.divergence not in (FREE, *divergences.DIVERGENCES):
        raise ValueError(
            f"objective {objective.name}: its divergence must be one of {FREE}, "
            f"{', '.join(divergences.DIVERGENCES)}; got {objective.divergence}."
        )
    declarations.check(
        f"objective {objective.name}",
        "objective",
        objective.fields,
        declared(),
        kinds=(Parameter, Field),
    )
    parameters = declarations.traced(objective.fields)
    labels.add_entry(OBJECTIVES, objective, "objective", parameters=parameters)


def declared() -> declarations.Declarations:
    """The fields that each objective reads, `divergence` if a config chooses its D."""
    chosen = declarations.of_package("objective", "divergence")
    return {
        name: {**entry.fields, **(chosen if entry.divergence == FREE else {})}
        for name, entry in OBJECTIVES.items()
    }


def read_by(names: Collection[str]) -> dict[str, Parameter]:
    """The weights that some objectives have between them."""
    return declarations.traced(declarations.every(declared(), names))


def static(names: Collection[str]) -> dict[str, Field]:
    """The static fields that the values of some objectives read between them."""
    fields = declarations.every({name: OBJECTIVES[name].fields for name in names})
    return {n: field for n, field in fields.items() if isinstance(field, Field)}


def divergence(row: Row) -> str:
    """The divergence that a setting computes, or NONE."""
    objective = OBJECTIVES[row["objective"]]
    if objective.divergence != FREE:
        return objective.divergence
    return row["divergence"] if objective.weighs(row) else NONE


def of_pairs(row: Row) -> str:
    """The name of a quantity that needs two points of a minibatch; "" if there is none.

    The covariance of one point is 0, and q(z) of one posterior is that posterior, whose
    total correlation is 0. A critic of q(z) and p(z) needs only one point.
    """
    name, measure = row["objective"], divergence(row)
    if OBJECTIVES[name].has_parts:
        return f"objective.name = {name}"
    pairs = divergences.DIVERGENCES[measure].pairs
    return f"the divergence {measure}" if pairs else ""


def refusal(row: Row, *, groups: tuple[int, ...], prior_groups: tuple[int, ...]) -> str:
    """Why a setting's objective, divergence and prior cannot be combined, or "".

    Args:
        row: A setting: values by column of the sweep.
        groups: Sizes of the groups of latents, for hfvae.
        prior_groups: Sizes of the subspaces of the prior.
    """
    objective, prior = OBJECTIVES[row["objective"]], priors.PRIORS[row["prior"]]
    measure = divergences.DIVERGENCES[divergence(row)]
    if measure.covariance:
        if reason := _without_covariance(row, measure.name):
            return reason
    if prior.factorised:
        return ""
    within = prior.grouped and groups == prior_groups and objective.own_groups(row)
    if objective.factorised and not within:
        reason = objective.factorised
    elif measure.factorised and objective.divergence == FREE:
        reason = (
            f"with objective.divergence = {measure.name} {measure.factorised}, which "
            "needs a prior that factorises over latents"
        )
    elif measure.factorised:
        reason = (
            f"{measure.factorised}, which needs a prior that factorises over latents"
        )
    else:
        return ""
    return (
        f"objective.name = {objective.name} {reason}: expected prior.name among "
        f"{', '.join(priors.factorised())}; got {prior.name}."
    )


def _without_covariance(row: Row, measure: str) -> str:
    prior = priors.PRIORS[row["prior"]]
    if not callable(getattr(prior.family, "covariance", None)):
        return (
            f"{measure} matches the prior's covariance, which prior.name = "
            f"{prior.name} does not give."
        )
    if reason := prior.without_covariance(row):
        return (
            f"{measure} matches the prior's covariance, which a {prior.name} prior has "
            f"{reason}."
        )
    return ""


# ------------------------------------------------------------ objectives of the papers


_OF_D = "weight of D(q(z), p(z))"
_BETA = {"beta": "weight of KL(q(z|x) ‖ p(z))"}
_OF_PARTS = {
    "alpha": "weight of the index-code mutual information",
    "beta": "weight of the total correlation",
    "gamma": "weight of the dimension-wise KL",
}
_OF_LEVELS = {
    "alpha": "weight of the index-code mutual information",
    "beta": "weight of the total correlation between groups",
    "gamma": "weight of the total correlation within groups",
}
_OF_COVARIANCES = {
    "lambda_od": "weight of the covariances, off the diagonal",
    "lambda_d": "weight of the variances, on the diagonal",
}
_SYMBOLS = {
    **{"alpha": "α", "beta": "β", "gamma": "γ"},
    **{"lambda": "λ", "lambda_od": "λ_od", "lambda_d": "λ_d"},
}


def _published(
    name: str,
    label: str,
    weights: Mapping[str, str] | None = None,
    static: Sequence[str] = (),
    or_else: str = "",
    **options: Any,
) -> Objective:
    """An entry for an objective of `decomp.objectives`.

    It has help for each weight, and the names of its static fields.
    """
    entry = decomp.objectives.OBJECTIVES[name]
    needs = f"{entry.factorised}, which needs a prior that factorises over latents"
    return Objective(
        name,
        label,
        entry.source,
        entry.value,
        {
            weight: Parameter(_SYMBOLS[weight], base.WEIGHTS[weight], text)
            for weight, text in (weights or {}).items()
        }
        | declarations.of_package("objective", *static),
        entry.divergence,
        has_parts=entry.has_parts,
        importance_weighted=entry.importance_weighted,
        notation=entry.notation,
        factorised=needs + or_else if entry.factorised else "",
        **options,
    )


_ENTRIES = (
    _published("vae", "VAE"),
    _published("beta_vae", "β-VAE", _BETA),
    _published(
        "alpha_beta",
        "α and β",
        {"alpha": _OF_D} | _BETA,
        weighs=lambda row: row["alpha"] > 0,
    ),
    _published(
        "entropy_regularised",
        "entropy-regularised VAE",
        {"beta": "½ (β − 1) weighs log |S(x)|"},
        code_scale=lambda row: row["beta"] ** 0.5,  # Corollary 2
    ),
    _published(
        "capacity",
        "capacity",
        {"gamma": "weight of |KL − capacity|"},
        ["capacity"],
    ),
    _published(
        "beta_tcvae",
        "β-TCVAE",
        _OF_PARTS,
    ),
    _published(
        "hfvae",
        "HFVAE",
        _OF_LEVELS,
        ["groups"],
        or_else=", or subspaces of the same groups with objective.gamma = 1",
        own_groups=lambda row: row["gamma"] == 1,
    ),
    _published("factor_vae", "FactorVAE", {"gamma": "weight of the total correlation"}),
    _published(
        "info_vae",
        "InfoVAE",
        {"alpha": "1 − α weighs the KL", "lambda": "α + λ − 1 weighs D(q(z), p(z))"},
    ),
    _published("wae_mmd", "WAE, MMD", {"lambda": _OF_D}),
    _published("wae_gan", "WAE, GAN", {"lambda": _OF_D}),
    _published("dip_vae_i", "DIP-VAE-I", _OF_COVARIANCES),
    _published("dip_vae_ii", "DIP-VAE-II", _OF_COVARIANCES),
    _published("iwae", "IWAE", static=["samples"]),
)
for _entry in _ENTRIES:
    register(_entry)
registry.close(OBJECTIVES)
