"""The divergences D(q(z), p(z)) that a config may name, one entry each.

A divergence of one's own is registered in a config file, see `configs/your_own.py`:

    divergences.register(divergences.Divergence("mine", "my D", "", estimate))
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from decomp.distributions.gaussian import Gaussian
from decomp.divergences import adversarial, moments
from decomp.divergences.estimates import ESTIMATES
from experiments.models import priors
from experiments.results import labels
from experiments.system import registry

NONE = "none"  # the divergence of an objective without one

PRIOR, MARGINALS = "p(z)", "Π_d q(z_d)"  # what a critic tells q(z) from


class Sample(NamedTuple):
    """What a divergence may look at."""

    q: Gaussian  # the posteriors of the minibatch, leaves [B, D]
    z: jax.Array  # [B, D] a draw of each
    p: Any  # the prior
    options: priors.PriorOptions
    estimator: str  # of q(z), a key of minibatch.ESTIMATORS
    size: int  # N
    weights: Mapping[str, jax.Array]  # of the objective, by name
    critic: Callable[[jax.Array], jax.Array]  # logits [B] of z [B, D]

    @property
    def family(self) -> Any:
        """The functions of the prior, see `priors.Prior`."""
        return priors.PRIORS[self.options.name].family


Estimate = Callable[[jax.Array, Sample], jax.Array]  # (key, sample) to []


class Divergence(NamedTuple):
    """All that is known of a divergence."""

    name: str  # in `config.objective.divergence`
    label: str  # in figures and reports
    source: str
    estimate: Estimate
    chosen: bool = True  # by the config; else it belongs to one objective
    factorised: str = ""  # why it needs a prior that factorises; "" if it does not
    covariance: bool = False  # whether it needs the prior's covariance
    critic: str = ""  # PRIOR or MARGINALS, where a critic is trained for it
    pairs: bool = True  # whether it compares points of a minibatch, and so needs two


DIVERGENCES: dict[str, Divergence] = {}


def register(divergence: Divergence) -> None:
    """Makes a divergence known to configs by its name.

    Raises:
        ValueError: In one line, for a name that is taken.
    """
    labels.add_entry(DIVERGENCES, divergence, "divergence")


def names() -> tuple[str, ...]:
    """The names of those that a config may choose."""
    return tuple(name for name, entry in DIVERGENCES.items() if entry.chosen)


# ---------------------------------------------------------------- those of the papers


def _penalty(
    covariance: Callable[[Gaussian], jax.Array],
) -> Estimate:
    def measure(key: jax.Array, sample: Sample) -> jax.Array:
        del key
        _, target = priors.moments(sample.options, sample.p)
        return moments.penalty(
            covariance(sample.q),
            target,
            off_diagonal=sample.weights["lambda_od"],
            diagonal=sample.weights["lambda_d"],
        )

    return measure


def _jensen_shannon(key: jax.Array, sample: Sample) -> jax.Array:
    y = priors.samples(key, sample.options, sample.p, len(sample.z))
    return adversarial.jensen_shannon(sample.critic(sample.z), sample.critic(y))


def _non_saturating(key: jax.Array, sample: Sample) -> jax.Array:
    del key
    return adversarial.generator_loss(sample.critic(sample.z))


def _total_correlation(key: jax.Array, sample: Sample) -> jax.Array:
    del key
    return adversarial.kl_from_logits(sample.critic(sample.z))


def _none(key: jax.Array, sample: Sample) -> jax.Array:
    del key, sample
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
        _jensen_shannon,
        critic=PRIOR,
        pairs=False,
    ),
    Divergence(
        "non_saturating",
        "the generator's loss",
        "Tolstikhin et al. 2018, arXiv:1711.01558",
        _non_saturating,
        chosen=False,
        critic=PRIOR,
        pairs=False,
    ),
    Divergence(
        "total_correlation",
        "total correlation",
        "Kim & Mnih 2018, arXiv:1802.05983",
        _total_correlation,
        chosen=False,
        factorised="drives q(z) to the product of its marginals",
        critic=MARGINALS,
    ),
    Divergence(
        "covariance_of_means",
        "covariance of the means",
        "Kumar et al. 2018, arXiv:1711.00848, Eq. 6",
        _penalty(moments.covariance_of_means),
        chosen=False,
        covariance=True,
    ),
    Divergence(
        "covariance_of_aggregate",
        "covariance of q(z)",
        "Kumar et al. 2018, arXiv:1711.00848, Eq. 7",
        _penalty(moments.covariance_of_aggregate),
        chosen=False,
        covariance=True,
    ),
)
for _entry in _ENTRIES:
    register(_entry)
registry.close(DIVERGENCES)
