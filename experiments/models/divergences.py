"""The divergences D(q(z), p(z)) that a config may name, one entry each.

A divergence of your own is registered in a config file, see `configs/your_own.py`:

    divergences.register(divergences.Divergence("mine", "my D", "", estimate))
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from configs.base import Parameter
from decomp.divergences.estimates import (
    COVARIANCES,
    CRITICS,
    ESTIMATES,
    FACTORISED,
    Estimator,
    Minibatch,
)
from decomp.objectives import NONE
from experiments.results import labels
from experiments.system import declarations, registry


class Divergence(NamedTuple):
    """A divergence that configs can name."""

    name: str  # in `config.objective.divergence`
    label: str  # in figures and reports
    source: str
    estimate: Estimator
    chosen: bool = True  # whether configs choose it, or it belongs to one objective
    factorised: str = ""  # why it needs a prior that factorises; "" if it does not
    covariance: bool = False  # whether it needs the prior's covariance
    critic: str = ""  # what its critic distinguishes q(z) from; "" if it needs none
    pairs: bool = True  # whether it compares points of a minibatch, and needs two
    # Its numbers by name, which it reads from `batch.weights`.
    parameters: Mapping[str, Parameter] = {}


DIVERGENCES: dict[str, Divergence] = {}


def register(divergence: Divergence) -> None:
    """Registers a divergence under its name, for configs.

    Raises:
        ValueError: One line, for a name that is taken, or parameters that
            `declarations.check` refuses.
    """
    declarations.check(
        f"divergence {divergence.name}",
        "objective",
        divergence.parameters,
        declared(),
        kinds=(Parameter,),
    )
    labels.add_entry(
        DIVERGENCES, divergence, "divergence", parameters=divergence.parameters
    )


def declared() -> declarations.Declarations:
    """The parameters of each divergence, which are fields of `config.objective`."""
    return {name: entry.parameters for name, entry in DIVERGENCES.items()}


def read_by(names: Collection[str]) -> dict[str, Parameter]:
    """The parameters that some divergences have between them."""
    return declarations.every(declared(), names)


def names() -> tuple[str, ...]:
    """The names of the divergences that a config may choose."""
    return tuple(name for name, entry in DIVERGENCES.items() if entry.chosen)


# ----------------------------------------------------------- divergences of the papers


def _none(key: jax.Array, batch: Minibatch) -> jax.Array:
    del key, batch
    return jnp.zeros(())


_ENTRIES = (
    Divergence(NONE, "none", "", _none, chosen=False, pairs=False),
    Divergence(
        "kl_prior_aggregate",
        "KL(p‖q)",
        "Mathieu et al. 2018, arXiv:1812.02833, App. B.2",
        ESTIMATES["kl_prior_aggregate"],
    ),
    Divergence(
        "kl_aggregate_prior",
        "KL(q‖p)",
        "Mathieu et al. 2018, arXiv:1812.02833, App. C",
        ESTIMATES["kl_aggregate_prior"],
    ),
    Divergence(
        "mmd_rbf",
        "MMD, RBF",
        "Zhao et al. 2019, arXiv:1706.02262",
        ESTIMATES["mmd_rbf"],
    ),
    Divergence(
        "mmd_imq",
        "MMD, IMQ",
        "Tolstikhin et al. 2018, arXiv:1711.01558",
        ESTIMATES["mmd_imq"],
    ),
    Divergence(
        "mmd_rbf_dims",
        "MMD of marginals, RBF",
        "Mathieu et al. 2019, arXiv:1812.02833, released code",
        ESTIMATES["mmd_rbf_dims"],
    ),
    Divergence(
        "mmd_imq_dims",
        "MMD of marginals, IMQ",
        "Mathieu et al. 2019, arXiv:1812.02833, released code",
        ESTIMATES["mmd_imq_dims"],
    ),
    Divergence(
        "sliced_wasserstein",
        "sliced Wasserstein",
        "Kolouri et al. 2018, arXiv:1804.01947",
        ESTIMATES["sliced_wasserstein"],
    ),
    Divergence(
        "moments",
        "moments",
        "Kumar et al. 2018, arXiv:1711.00848",
        ESTIMATES["moments"],
    ),
    Divergence(
        "jensen_shannon",
        "Jensen–Shannon",
        "Goodfellow et al. 2014, arXiv:1406.2661",
        ESTIMATES["jensen_shannon"],
        critic=CRITICS["jensen_shannon"],
        pairs=False,
    ),
    Divergence(
        "non_saturating",
        "the generator's loss",
        "Tolstikhin et al. 2018, arXiv:1711.01558",
        ESTIMATES["non_saturating"],
        chosen=False,
        critic=CRITICS["non_saturating"],
        pairs=False,
    ),
    Divergence(
        "total_correlation",
        "total correlation",
        "Kim & Mnih 2018, arXiv:1802.05983",
        ESTIMATES["total_correlation"],
        chosen=False,
        critic=CRITICS["total_correlation"],
    ),
    Divergence(
        "covariance_of_means",
        "covariance of the means",
        "Kumar et al. 2018, arXiv:1711.00848, Eq. 6",
        ESTIMATES["covariance_of_means"],
        chosen=False,
    ),
    Divergence(
        "covariance_of_aggregate",
        "covariance of q(z)",
        "Kumar et al. 2018, arXiv:1711.00848, Eq. 7",
        ESTIMATES["covariance_of_aggregate"],
        chosen=False,
    ),
)
for _entry in _ENTRIES:
    _needs = FACTORISED.get(_entry.name, "")
    register(_entry._replace(factorised=_needs, covariance=_entry.name in COVARIANCES))
registry.close(DIVERGENCES)
