"""R13: which of the three weights of the β-TCVAE matters?

    python -m experiments.main --config=configs/tc_ablation.py:laptop

The weights α, β and γ multiply the mutual information, the total correlation and the
dimension-wise KL. Starting from (1, 4, 1), each is swept by itself. Variants: none
(training as for Figure 1), `laptop` (minutes on 2 cores), `authors` (the estimator of
Chen et al.), `smoke` (a minute). Expected: the scores change with β, and little with α
and γ.
"""

from ml_collections import ConfigDict

from configs import base, shapes_anisotropic

_OTHERS = (0.25, 0.5, 2.0, 4.0)  # values of α and γ besides 1
_BETAS = (1.0, 2.0, 4.0, 6.0, 8.0)


def get_config(arg: str = "") -> ConfigDict:
    config = shapes_anisotropic.shapes()
    config.title = "dSprites, β-TCVAE over its weights"
    objective = config.objective
    objective.name = ("beta_tcvae",)
    objective.sweep = "zip"
    ones, fours = (1.0,) * len(_OTHERS), (4.0,) * len(_OTHERS)
    objective.beta = _BETAS + fours + fours
    objective.alpha = (1.0,) * len(_BETAS) + _OTHERS + ones
    objective.gamma = (1.0,) * len(_BETAS) + ones + _OTHERS
    config.figures = ("ablation", "traversals")
    config.figure_sweeps = ("beta", "alpha", "gamma")
    config.figure_score = ("mig", "kim_mnih_pruned", "reconstruction", "kl")
    return base.finish(
        config, arg, {"laptop": laptop, "authors": authors, "smoke": smoke}
    )


def authors(config: ConfigDict) -> None:
    """Estimates q(z) by minibatch weighted sampling, as Chen et al. 2018 did."""
    config.objective.estimator = "weighted"
    base.deviate(
        config,
        "q(z) by minibatch weighted sampling (Chen et al. 2018), biased by log N; the "
        "default is Eq. 10b, unbiased for q(z)",
    )


def laptop(config: ConfigDict) -> None:
    """Makes the same comparison on 16×16 images with a dense network."""
    objective = config.objective
    weights = objective.beta, objective.alpha, objective.gamma
    shapes_anisotropic.laptop(config)
    objective.beta, objective.alpha, objective.gamma = weights
    config.seeds = 50
    base.deviate(config, "laptop: 50 seeds per setting; Chen et al. name no number")


def smoke(config: ConfigDict) -> None:
    """Runs every stage on a few images in a minute; the numbers mean nothing."""
    objective = config.objective
    objective.alpha, objective.gamma = objective.alpha[:2], objective.gamma[:2]
    shapes_anisotropic.smoke(config)
