"""The divergences D(q(z), p(z)) that a config may name, one entry each.

A divergence of your own is registered in a config file, see `configs/your_own.py`:

    divergences.register(divergences.Divergence("mine", "my D", "", estimate))
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from decomp.divergences.estimates import CRITICS, ESTIMATES, Estimator, Minibatch
from decomp.objectives import NONE
from experiments.results import labels
from experiments.system import registry


class Divergence(NamedTuple):
    """All that is known of a divergence."""

    name: str  # in `config.objective.divergence`
    label: str  # in figures and reports
    source: str
    estimate: Estimator
    chosen: bool = True  # by the config; else it belongs to one objective
    factorised: str = ""  # why it needs a prior that factorises; "" if it does not
    covariance: bool = False  # whether it needs the prior's covariance
    critic: str = ""  # what a critic that is trained for it tells q(z) from
    pairs: bool = True  # whether it compares points of a minibatch, and so needs two


DIVERGENCES: dict[str, Divergence] = {}


def register(divergence: Divergence) -> None:
    """Makes a divergence known to configs by its name.

    Raises:
        ValueError: One line, for a name that is taken.
    """
    labels.add_entry(DIVERGENCES, divergence, "divergence")


def names() -> tuple[str, ...]:
    """The names of those that a config may choose."""
    return tuple(name for name, entry in DIVERGENCES.items() if entry.chosen)


# ---------------------------------------------------------------- those of the papers


def _none(key: jax.Array, batch: Minibatch) -> jax.Array:
    del key, batch
    return jnp.zeros(())


_MARGINALS_ALONE = "compares marginals alone"
_ENTRIES = (
    Divergence(NONE, "none", "", _none, chosen=False, pairs=False),
    Divergence(
        "kl_prior_aggregate",
        labels.DIVERGENCES["kl_prior_aggregate"],
        "Mathieu et al. 2018, arXiv:1812.02833, App. B.2",
        ESTIMATES["kl_prior_aggregate"],
    ),
    Divergence(
        "kl_aggregate_prior",
        labels.DIVERGENCES["kl_aggregate_prior"],
        "Mathieu et al. 2018, arXiv:1812.02833, App. C",
        ESTIMATES["kl_aggregate_prior"],
    ),
    Divergence(
        "mmd_rbf",
        labels.DIVERGENCES["mmd_rbf"],
        "Zhao et al. 2019, arXiv:1706.02262",
        ESTIMATES["mmd_rbf"],
    ),
    Divergence(
        "mmd_imq",
        labels.DIVERGENCES["mmd_imq"],
        "Tolstikhin et al. 2018, arXiv:1711.01558",
        ESTIMATES["mmd_imq"],
    ),
    Divergence(
        "mmd_rbf_dims",
        labels.DIVERGENCES["mmd_rbf_dims"],
        "Mathieu et al. 2019, arXiv:1812.02833, released code",
        ESTIMATES["mmd_rbf_dims"],
        factorised=_MARGINALS_ALONE,
    ),
    Divergence(
        "mmd_imq_dims",
        labels.DIVERGENCES["mmd_imq_dims"],
        "Mathieu et al. 2019, arXiv:1812.02833, released code",
        ESTIMATES["mmd_imq_dims"],
        factorised=_MARGINALS_ALONE,
    ),
    Divergence(
        "sliced_wasserstein",
        labels.DIVERGENCES["sliced_wasserstein"],
        "Kolouri et al. 2018, arXiv:1804.01947",
        ESTIMATES["sliced_wasserstein"],
    ),
    Divergence(
        "moments",
        "moments",
        "Kumar et al. 2018, arXiv:1711.00848",
        ESTIMATES["moments"],
        covariance=True,
    ),
    Divergence(
        "jensen_shannon",
        labels.DIVERGENCES["jensen_shannon"],
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
        factorised="drives q(z) to the product of its marginals",
        critic=CRITICS["total_correlation"],
    ),
    Divergence(
        "covariance_of_means",
        "covariance of the means",
        "Kumar et al. 2018, arXiv:1711.00848, Eq. 6",
        ESTIMATES["covariance_of_means"],
        chosen=False,
        covariance=True,
    ),
    Divergence(
        "covariance_of_aggregate",
        "covariance of q(z)",
        "Kumar et al. 2018, arXiv:1711.00848, Eq. 7",
        ESTIMATES["covariance_of_aggregate"],
        chosen=False,
        covariance=True,
    ),
)
for _entry in _ENTRIES:
    register(_entry)
registry.close(DIVERGENCES)
