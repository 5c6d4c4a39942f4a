"""A β-VAE is an entropy-regularised VAE with codes scaled by √β (R12).

    python -m experiments.main --config=configs/entropy_equivalence.py:laptop

Corollaries 1 and 2 say that under a Gaussian prior the optima of L_β and of
L_{H,β} = L + ½ (β − 1) log|S| are the same networks, up to a factor √β of the codes.
Both are trained from matched initial weights (`objective.matched`), by Adam with
matched steps. Variants: none (training as for Figure 1), `laptop` (minutes on 2
cores), `free` (both start from the same weights, as is usual), `smoke` (a minute).
Expected: reconstructions agree run by run, and the standard deviations of the
posteriors have the ratio √β.
"""

from ml_collections import ConfigDict

from configs import base, shapes_anisotropic


def get_config(arg: str = "") -> ConfigDict:
    config = shapes_anisotropic.shapes()
    config.title = "β-VAE against the entropy-regularised VAE"
    config.model.network = "dense"
    config.data.side = 16
    config.objective.name = ("beta_vae", "entropy_regularised")
    config.objective.beta = (2.0, 4.0, 8.0, 16.0)
    config.objective.matched = True
    config.figures = ("equivalence", "traversals")
    config.figure_line = "objective"
    config.figure_score = ("reconstruction", "log_det")
    return base.finish(
        config, arg, {"laptop": laptop, "free": free, "smoke": shapes_anisotropic.smoke}
    )


def laptop(config: ConfigDict) -> None:
    """Trains briefly and with twenty seeds, as the corollaries are about every run."""
    beta = config.objective.beta
    shapes_anisotropic.laptop(config)
    config.objective.beta = beta
    config.seeds = 20


def free(config: ConfigDict) -> None:
    """Trains both objectives from the same initial weights, with the same optimiser."""
    config.objective.matched = False
    base.deviate(config, "free: initial weights and steps are not matched to L_β")
