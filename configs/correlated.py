"""Do priors disentangle factors that were never independent?

    python -m experiments.main --config=configs/correlated.py:laptop
    ... --config=configs/correlated.py:laptop,uncorrelated       without a correlation

This compares an isotropic prior with a learned one on dSprites whose scale f and
position g along x are correlated, p ∝ exp(−(f − g)²/2σ²) with σ = 0.2, the strongest
correlation of Träuble et al. 2021 (arXiv:2006.07886). The training images are drawn by
p. All images are scored equally often, as the metrics need independent factors. Other
data are chosen by `--config.data.correlated=shape,scale`,
`--config.data.correlation=0.4` or `--config.data.look=colour`. The following leaves out
large sprites on the right instead, and scores only these:

    ... --config=configs/correlated.py:laptop,uncorrelated
        --config.data.held_out=scale=4..5,x=16..31 --config.evaluate.images=held_out

Variants: none (training as for Figure 1), `laptop` (minutes on 2 cores), `uncorrelated`
(trains on all images equally often), `smoke` (a minute). Expected: the learned prior
scores above the isotropic one.
"""

from ml_collections import ConfigDict

from configs import base, shapes_anisotropic


def get_config(arg: str = "") -> ConfigDict:
    config = shapes_anisotropic.shapes()
    config.title = "dSprites of correlated scale and x"
    config.data.correlated = ("scale", "x")
    config.evaluate.images = "all"
    config.prior.name = ("isotropic", "learned")
    config.objective.beta = (1.0, 2.0, 4.0, 8.0)
    config.figure_score = ("kim_mnih_pruned", "mig", "infom")
    variants = {
        "laptop": laptop,
        "uncorrelated": uncorrelated,
        "smoke": shapes_anisotropic.smoke,
    }
    return base.finish(config, arg, variants)


def laptop(config: ConfigDict) -> None:
    """Makes the same comparison on 16×16 images with a dense network."""
    shapes_anisotropic.laptop(config)
    config.seeds = 50


def uncorrelated(config: ConfigDict) -> None:
    """Trains on all combinations of factors equally often, for comparison."""
    config.data.correlated = ()
    config.title = "dSprites, uncorrelated"
