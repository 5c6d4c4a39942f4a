"""The objectives that a config may name, one entry each, and what goes together.

An objective of one's own is registered in a config file, see `configs/your_own.py`:

    objectives.register(objectives.Objective("mine", "my loss", "", value, weights))
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from decomp import losses
from decomp.losses import Terms
from experiments.models import divergences, priors
from experiments.models.divergences import NONE
from experiments.results import labels
from experiments.system import registry

FREE = "free"  # the divergence of an objective that takes any
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
        ValueError: In one line, for a name that is taken, a divergence that is not
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


def _alpha(help: str) -> dict[str, Weight]:
    return {"alpha": Weight(labels.SYMBOLS["alpha"], 0.0, help)}


def _beta(help: str) -> dict[str, Weight]:
    return {"beta": Weight(labels.SYMBOLS["beta"], 1.0, help)}


def _gamma(help: str) -> dict[str, Weight]:
    return {"gamma": Weight(labels.SYMBOLS["gamma"], 1.0, help)}


def _lambda(name: str, help: str) -> dict[str, Weight]:
    return {name: Weight(labels.SYMBOLS[name], 1.0, help)}


_OF_THE_KL = "weight of KL(q(z|x) ‖ p(z))"
_OF_D = "weight of D(q(z), p(z))"
_OF_PARTS = (
    _alpha("weight of the index-code mutual information")
    | _beta("weight of the total correlation")
    | _gamma("weight of the dimension-wise KL")
)
_OF_COVARIANCES = _lambda(
    "lambda_od", "weight of the covariances, off the diagonal"
) | _lambda("lambda_d", "weight of the variances, on the diagonal")
_ENTRIES = (
    Objective(
        "vae",
        labels.OBJECTIVES["vae"],
        "Kingma & Welling 2014, arXiv:1312.6114",
        lambda t, w: losses.elbo(t),
    ),
    Objective(
        "beta_vae",
        labels.OBJECTIVES["beta_vae"],
        "Higgins et al. 2017; Mathieu et al. 2018, arXiv:1812.02833, Eq. 1",
        lambda t, w: losses.beta_vae(t, w["beta"]),
        _beta(_OF_THE_KL),
    ),
    Objective(
        "alpha_beta",
        "α and β",
        "Mathieu et al. 2018, arXiv:1812.02833, Eq. 3",
        lambda t, w: losses.alpha_beta(t, w["alpha"], w["beta"]),
        _alpha(_OF_D) | _beta(_OF_THE_KL),
        FREE,
        weighs_always=False,
    ),
    Objective(
        "entropy_regularised",
        "entropy-regularised VAE",
        "Mathieu et al. 2018, arXiv:1812.02833, Eq. 6",
        lambda t, w: losses.entropy_regularised(t, w["beta"]),
        _beta("½ (β − 1) weighs log |S(x)|"),
    ),
    Objective(
        "capacity",
        "capacity",
        "Burgess et al. 2018, arXiv:1804.03599",
        lambda t, w: losses.capacity(t, w["gamma"], w["capacity"]),
        _gamma("weight of |KL − capacity|"),
    ),
    Objective(
        "beta_tcvae",
        labels.OBJECTIVES["beta_tcvae"],
        "Chen et al. 2018, arXiv:1802.04942, Eq. 4",
        lambda t, w: losses.beta_tcvae(t, w["alpha"], w["beta"], w["gamma"]),
        _OF_PARTS,
        needs=FACTORISED,
        reason="weighs Σ_d KL(q(z_d) ‖ p(z_d)), which needs a prior that factorises "
        "over latents",
        has_parts=True,
    ),
    Objective(
        "hfvae",
        labels.OBJECTIVES["hfvae"],
        "Esmaeili et al. 2019, arXiv:1804.02086",
        lambda t, w: losses.hfvae(t, w["alpha"], w["beta"], w["gamma"]),
        _OF_PARTS,
        needs=OWN_GROUPS,
        reason="weighs KL(q(z_d) ‖ p(z_d)), which needs a prior that factorises over "
        "latents, or subspaces of the same groups with objective.gamma = 1",
        has_parts=True,
    ),
    Objective(
        "factor_vae",
        labels.OBJECTIVES["factor_vae"],
        "Kim & Mnih 2018, arXiv:1802.05983, Eq. 2",
        lambda t, w: losses.factor_vae(t, w["gamma"]),
        _gamma("weight of the total correlation"),
        "total_correlation",
    ),
    Objective(
        "info_vae",
        labels.OBJECTIVES["info_vae"],
        "Zhao et al. 2019, arXiv:1706.02262",
        lambda t, w: losses.info_vae(t, w["alpha"], w["lambda"]),
        _alpha("1 − α weighs the KL")
        | _lambda("lambda", "α + λ − 1 weighs D(q(z), p(z))"),
        FREE,
    ),
    Objective(
        "wae_mmd",
        labels.OBJECTIVES["wae_mmd"],
        "Tolstikhin et al. 2018, arXiv:1711.01558, Eq. 4",
        lambda t, w: losses.wae(t, w["lambda"]),
        _lambda("lambda", _OF_D),
        "mmd_imq",
    ),
    Objective(
        "wae_gan",
        labels.OBJECTIVES["wae_gan"],
        "Tolstikhin et al. 2018, arXiv:1711.01558, Eq. 4",
        lambda t, w: losses.wae(t, w["lambda"]),
        _lambda("lambda", _OF_D),
        "non_saturating",
    ),
    Objective(
        "dip_vae_i",
        labels.OBJECTIVES["dip_vae_i"],
        "Kumar et al. 2018, arXiv:1711.00848, Eq. 6",
        lambda t, w: losses.dip_vae(t),
        _OF_COVARIANCES,
        "covariance_of_means",
    ),
    Objective(
        "dip_vae_ii",
        labels.OBJECTIVES["dip_vae_ii"],
        "Kumar et al. 2018, arXiv:1711.00848, Eq. 7",
        lambda t, w: losses.dip_vae(t),
        _OF_COVARIANCES,
        "covariance_of_aggregate",
    ),
    # Its bound is `training.loss.value`, from samples of its own; this is never called.
    Objective(
        "iwae",
        labels.OBJECTIVES["iwae"],
        "Burda et al. 2016, arXiv:1509.00519",
        lambda t, w: losses.elbo(t),
        own_program=True,
    ),
)
for _entry in _ENTRIES:
    register(_entry)
registry.close(OBJECTIVES)
