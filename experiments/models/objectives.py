"""The objectives that a config may name, one entry each, and what goes together.

An objective of your own is registered in a config file, see `configs/your_own.py`:

    objectives.register(objectives.Objective("mine", "my loss", "", value, weights))
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from decomp import objectives as published
from decomp.losses import Terms
from decomp.objectives import FREE, NONE
from experiments.models import divergences, priors
from experiments.results import labels
from experiments.system import registry

FACTORISED = "factorised"  # the prior has to factorise over latents
OWN_GROUPS = "own groups"  # or be subspaces of the objective's groups, with γ = 1

# Fields of `config.objective` and columns of a sweep that are no weights.
_TAKEN = (
    *("name", "divergence", "estimator", "groups", "samples", "capacity", "schedule"),
    *("warm_up", "cycles", "matched", "sweep", "prior_count"),
    *("prior", "df", "spike", "objective", "run", "seed", "status"),
)

Weights = Mapping[str, jax.Array]  # by name, [] each
Row = Mapping[str, Any]  # a setting, over the columns of the sweep


class Weight(NamedTuple):
    """A number that objectives weigh terms with, a field `objective.NAME`."""

    symbol: str  # in figures and reports
    default: float  # of the field, and what a table shows where it is not read
    help: str


class Objective(NamedTuple):
    """All that is known of an objective."""

    name: str  # in `config.objective.name`
    label: str  # in figures and reports
    source: str
    value: Callable[[Terms, Weights], jax.Array]  # per example [B], to be maximised
    weights: Mapping[str, Weight] = {}  # those that it reads
    divergence: str = NONE  # its D, NONE, or FREE where the config chooses
    needs: str = ""  # FACTORISED or OWN_GROUPS, of the prior
    reason: str = ""  # what it does that needs it
    has_parts: bool = False  # whether it weighs the parts of the KL
    weighs_always: bool = True  # its D; else only where alpha > 0
    own_program: bool = False  # not a sum of terms: swept with no other objective


OBJECTIVES: dict[str, Objective] = {}


def register(objective: Objective) -> None:
    """Makes an objective known to configs by its name, and its weights as fields.

    Raises:
        ValueError: One line, for a name that is taken, a divergence that is not
            there, or a weight that other objectives declare with another default.
    """
    if objective.divergence not in (FREE, *divergences.DIVERGENCES):
        raise ValueError(
            f"objective {objective.name} expects a divergence among {FREE}, "
            f"{', '.join(divergences.DIVERGENCES)}; got {objective.divergence}."
        )
    others = {n: o for n, o in OBJECTIVES.items() if n != objective.name}
    known = {n: w for o in others.values() for n, w in o.weights.items()}
    for name, weight in objective.weights.items():
        if not name.isidentifier() or name in _TAKEN:
            raise ValueError(
                f"objective {objective.name} expects weights with names of letters, "
                f"digits and underscores, none of {', '.join(_TAKEN)}; got {name!r}."
            )
        if known.get(name, weight)[:2] != weight[:2]:
            raise ValueError(
                f"objective {objective.name} expects for its weight {name} the symbol "
                f"and default of other objectives, {known[name][:2]}; got {weight[:2]}."
            )
    if labels.add_entry(OBJECTIVES, objective, "objective"):
        for name, weight in objective.weights.items():
            labels.add_symbol(name, weight.symbol)


def weights() -> dict[str, Weight]:
    """All weights by name, in the order of their registration."""
    return {n: w for o in OBJECTIVES.values() for n, w in o.weights.items()}


def read_by(names: tuple[str, ...]) -> tuple[str, ...]:
    """The weights that any of some objectives reads."""
    return tuple(n for n in weights() if any(n in OBJECTIVES[o].weights for o in names))


def divergence(row: Row) -> str:
    """The divergence that a setting computes, or NONE."""
    objective = OBJECTIVES[row["objective"]]
    if objective.divergence != FREE:
        return objective.divergence
    weighed = objective.weighs_always or row["alpha"] > 0
    return row["divergence"] if weighed else NONE


def of_pairs(row: Row) -> str:
    """What compares the points of a minibatch, and of one tells nothing; "" if none.

    A covariance of one point is 0, and q(z) of one posterior is that posterior, whose
    total correlation is 0. A critic of q(z) and p(z) is asked about each by itself.
    """
    name, measure = row["objective"], divergence(row)
    if OBJECTIVES[name].has_parts:
        return f"objective.name = {name}"
    pairs = divergences.DIVERGENCES[measure].pairs
    return f"the divergence {measure}" if pairs else ""


def refusal(row: Row, *, groups: tuple[int, ...], prior_groups: tuple[int, ...]) -> str:
    """Why objective, divergence and prior of a setting do not go together, or "".

    Args:
        row: A setting, over the columns of the sweep.
        groups: Of latents, for hfvae.
        prior_groups: The subspaces of the prior.
    """
    objective, prior = OBJECTIVES[row["objective"]], priors.PRIORS[row["prior"]]
    measure = divergences.DIVERGENCES[divergence(row)]
    if measure.covariance:
        if reason := _without_covariance(row, measure.name):
            return reason
    if prior.factorised:
        return ""
    own = prior.name == "subspaces" and groups == prior_groups and row["gamma"] == 1
    if objective.needs and not (objective.needs == OWN_GROUPS and own):
        reason = objective.reason
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
    if not prior.has_covariance(row):
        return (
            f"{measure} matches the prior's covariance, which a {prior.name} prior has "
            f"for prior.df above 2 only; got {row['df']:g}."
        )
    return ""


# ---------------------------------------------------------------- those of the papers


_OF_D = "weight of D(q(z), p(z))"
_BETA = {"beta": "weight of KL(q(z|x) ‖ p(z))"}
_OF_PARTS = {
    "alpha": "weight of the index-code mutual information",
    "beta": "weight of the total correlation",
    "gamma": "weight of the dimension-wise KL",
}
_OF_COVARIANCES = {
    "lambda_od": "weight of the covariances, off the diagonal",
    "lambda_d": "weight of the variances, on the diagonal",
}
_DEFAULTS = {"alpha": 0.0}  # of the fields; 1 of other weights


def _published(
    name: str,
    weights: Mapping[str, str] | None = None,
    *,
    label: str = "",
    **options: Any,
) -> Objective:
    """An entry of `decomp.objectives`, with the help of its weights' fields."""
    entry = published.OBJECTIVES[name]
    return Objective(
        name,
        label or labels.OBJECTIVES[name],
        entry.source,
        entry.value,
        {
            weight: Weight(labels.SYMBOLS[weight], _DEFAULTS.get(weight, 1.0), text)
            for weight, text in (weights or {}).items()
        },
        entry.divergence,
        has_parts=entry.has_parts,
        own_program=entry.importance_weighted,
        **options,
    )


_ENTRIES = (
    _published("vae"),
    _published("beta_vae", _BETA),
    _published(
        "alpha_beta", {"alpha": _OF_D} | _BETA, label="α and β", weighs_always=False
    ),
    _published(
        "entropy_regularised",
        {"beta": "½ (β − 1) weighs log |S(x)|"},
        label="entropy-regularised VAE",
    ),
    # The capacity C is a field of its own, and no axis of a sweep.
    _published("capacity", {"gamma": "weight of |KL − capacity|"}, label="capacity"),
    _published(
        "beta_tcvae",
        _OF_PARTS,
        needs=FACTORISED,
        reason="weighs Σ_d KL(q(z_d) ‖ p(z_d)), which needs a prior that factorises "
        "over latents",
    ),
    _published(
        "hfvae",
        _OF_PARTS,
        needs=OWN_GROUPS,
        reason="weighs KL(q(z_d) ‖ p(z_d)), which needs a prior that factorises over "
        "latents, or subspaces of the same groups with objective.gamma = 1",
    ),
    _published("factor_vae", {"gamma": "weight of the total correlation"}),
    _published(
        "info_vae",
        {"alpha": "1 − α weighs the KL", "lambda": "α + λ − 1 weighs D(q(z), p(z))"},
    ),
    _published("wae_mmd", {"lambda": _OF_D}),
    _published("wae_gan", {"lambda": _OF_D}),
    _published("dip_vae_i", _OF_COVARIANCES),
    _published("dip_vae_ii", _OF_COVARIANCES),
    _published("iwae"),
)
for _entry in _ENTRIES:
    register(_entry)
registry.close(OBJECTIVES)
