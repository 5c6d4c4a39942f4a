"""How anisotropic must a prior be? Fixed variances of growing spread.

    python -m experiments.main --config=configs/anisotropy.py:laptop

The log-variances of the ten latents are evenly spaced around 0, with a standard
deviation of 0 (the isotropic prior), 0.5, 1 or 1.5. For the PCA prior it is 0.59 with
the ranks of the text, and 0.44 with those of the released code. Variants: none
(training as for Figure 1), `laptop` (minutes on 2 cores), `smoke` (a minute). Expected:
if an anisotropic prior helps because it breaks the symmetry under rotations, the score
grows with this spread (R2, R3).
"""

from collections.abc import Callable

import jax.numpy as jnp
from ml_collections import ConfigDict

from configs import base, shapes_anisotropic
from decomp.distributions import gaussian
from decomp.priors import anisotropic
from experiments.models import priors

SPREADS = (0.0, 0.5, 1.0, 1.5)


def of_spread(spread: float) -> Callable:
    """A function that builds p(z), whose log-variances sum to 0.

    Args:
        spread: The standard deviation of the log-variances over latents.
    """

    def prior(params, options, traced, encode):
        positions = jnp.arange(options.latents, dtype=jnp.float32)
        positions = (positions - positions.mean()) / positions.std()
        return anisotropic(spread * positions)

    return prior


def name(spread: float) -> str:
    """The name of the prior, such as spread_050 for 0.5: a name has no point."""
    return f"spread_{100 * spread:03.0f}"


for _spread in SPREADS:
    priors.register(
        priors.Prior(
            name(_spread),
            f"log-variances of std {_spread:g}",
            "",
            gaussian,
            of_spread(_spread),
            kl=gaussian.kl,
            factorised=True,
        )
    )


def get_config(arg: str = "") -> ConfigDict:
    config = shapes_anisotropic.shapes()
    config.title = "dSprites, fixed priors of growing anisotropy"
    config.prior.name = tuple(map(name, SPREADS))
    config.objective.beta = (1.0, 4.0)
    config.figures = ("reconstruction_vs_score",)
    return base.finish(
        config,
        arg,
        {"laptop": shapes_anisotropic.laptop, "smoke": shapes_anisotropic.smoke},
    )
