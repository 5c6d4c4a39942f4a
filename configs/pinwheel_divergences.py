"""Every divergence D(q(z), p(z)), on the pinwheel under a clustered prior.

    python -m experiments.main --config=configs/pinwheel_divergences.py

β is 0, so that only D regularises, and α makes the divergences comparable in size. The
first setting has no regularisation at all. Variants: none (the scale of the paper's
pinwheel), `laptop` (the same as none), `smoke` (a minute). Expected: the inclusive KL
covers all four clusters, and the exclusive KL may miss some. Divergences that are
estimated from samples (MMD, sliced Wasserstein, a critic) find the clusters, but are
slow to widen posteriors that are too narrow. Moment matching finds no clusters.
"""

from ml_collections import ConfigDict

from configs import base, pinwheel

# The weights were chosen by trial, so that I(z; n) is about the same for all. With a
# tenth of its α, q(z|x) stays nearly a point; with ten times its α, codes collapse.
ALPHAS = {
    "kl_prior_aggregate": 3.0,
    "kl_aggregate_prior": 3.0,
    "mmd_rbf": 200.0,
    "mmd_imq": 30.0,
    "sliced_wasserstein": 100.0,
    "moments": 30.0,
    "jensen_shannon": 300.0,
}


def get_config(arg: str = "") -> ConfigDict:
    config = pinwheel.plane()
    config.title = "Pinwheel: seven divergences from a prior of four clusters"
    config.objective.sweep = "zip"
    config.objective.beta = (0.0,)
    config.objective.alpha = (0.0, *ALPHAS.values())
    config.objective.divergence = ("kl_prior_aggregate", *ALPHAS)
    config.critic.hidden = (64, 64)
    config.critic.learning_rate = 1e-3
    config.figures = ("aggregate_posterior", "prior_density", "ablation")
    config.figure_sweeps = ("divergence",)
    config.figure_score = ("kl_prior_aggregate", "mutual_information", "reconstruction")
    return base.finish(
        config, arg, {"laptop": pinwheel.laptop, "smoke": pinwheel.smoke}
    )
