"""Do priors disentangle factors that were never independent?

    python -m experiments.main --config=configs/correlated.py:laptop
    ... --config=configs/correlated.py:laptop,uncorrelated       the same without

dSprites whose scale and x are correlated, p ∝ exp(−(f − g)²/2σ²) with σ = 0.2, the
strongest of Träuble et al. 2021 (arXiv:2006.07886): an isotropic against a learned
prior. Trained on what is drawn, scored on all images alike, as the metrics ask for
independent factors. `--config.data.correlated=shape,scale`,
`--config.data.correlation=0.4` or `--config.data.look=colour` ask the same of others;

    ... --config=configs/correlated.py:laptop,uncorrelated
        --config.data.held_out=scale=4..5,x=16..31 --config.evaluate.images=held_out

leaves out large sprites on the right instead, and scores these alone. Variants as in
shapes_anisotropic.py, and `uncorrelated`, trained on every image as often.
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
    variants = {"laptop": laptop, "uncorrelated": uncorrelated, "smoke": smoke}
    return base.finish(config, arg, variants)


def laptop(config: ConfigDict) -> None:
    """The same question, asked of 16×16 images with a dense network."""
    shapes_anisotropic.laptop(config)
    config.seeds = 50


def uncorrelated(config: ConfigDict) -> None:
    """Every combination of factors as often, for comparison."""
    config.data.correlated = ()
    config.title = "dSprites, uncorrelated"


def smoke(config: ConfigDict) -> None:
    """Seconds: every stage on a handful of images; the numbers mean nothing."""
    shapes_anisotropic.smoke(config)
