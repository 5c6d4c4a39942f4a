"""Figures 2 and 3: how α and β change the match of q(z) with a clustered prior.

    python -m experiments.main --config=configs/pinwheel.py

The scale is the paper's own: 10 settings × 100 seeds × 500 full-batch steps. Variants,
combined with commas: none (the paper's text), `authors` (the released code), `laptop`
(the same as none), `smoke` (a minute). Expected: overlap grows with β (R6), too large a
β destroys the clusters (R7), α improves the match (R8) and keeps the encodings
meaningful (R9).
"""

from ml_collections import ConfigDict

from configs import base


def get_config(arg: str = "") -> ConfigDict:
    config = plane()
    config.title = "Pinwheel with a prior of four clusters"
    config.objective.sweep = "zip"
    config.objective.beta = (0.01, 0.3, 0.5, 1.0, 1.2, 0.0, 0.0, 0.0, 0.0, 0.0)
    config.objective.alpha = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 5.0, 8.0)
    config.figures = ("aggregate_posterior", "prior_density", "scores_by_setting")
    return base.finish(
        config, arg, {"laptop": laptop, "authors": authors, "smoke": smoke}
    )


def plane() -> ConfigDict:
    """The config of App. B.2: its data, networks, prior and training."""
    config = base.get_config()
    config.data.name = "pinwheel"
    config.data.points = 400
    config.model.network = "dense"
    config.model.hidden = (100,)
    config.model.latents = 2
    config.model.likelihood = "gaussian"
    config.model.scale = "softplus"
    config.prior.name = ("clusters",)
    config.train.batch_size = 400
    config.train.epochs = 500.0
    config.train.learning_rate = 1e-3
    return config


def authors(config: ConfigDict) -> None:
    """Follows the authors' released code where it differs from the text."""
    config.train.optimiser = "amsgrad_torch"
    config.objective.prior_count = 2.0
    config.model.likelihood_floor = 0.0
    base.deviate(
        config,
        "AMSGrad as PyTorch computes it, text Adam (main.py)",
        "no floor under the scale of p(x|z), on which the text is silent",
        "log p(z) of the mixture counted D = 2 times in the KL (utils.py, a defect)",
    )


def laptop(config: ConfigDict) -> None:
    """Changes nothing, as the paper's scale takes minutes on two cores."""
    del config


def smoke(config: ConfigDict) -> None:
    """Runs every stage with few steps in a minute; the numbers mean nothing."""
    config.seeds = 2
    config.train.steps = 4
    config.train.records = 2
    config.evaluate.grid_points = 20
    config.evaluate.samples_per_point = 2
    base.deviate(config, "smoke: 4 steps, 2 seeds; the numbers mean nothing")
