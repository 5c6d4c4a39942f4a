"""Independent subspaces: a prior that prefers groups of latents, not axes.

    python -m experiments.main --config=configs/subspaces.py:laptop

The prior is p(z) = Π_g t(z_g; ν) over five groups of two latents. A rotation inside a
group does not change it; a rotation that mixes groups does, because of the heavy tails.
At ν = ∞ it is N(0, I), which no rotation changes. Variants: none (training as for
Figure 1), `laptop` (minutes on 2 cores), `smoke` (a minute). Expected: compared with
ν = ∞, the dependence between groups (`tc_between`) falls, while that inside groups
(`tc_within`) need not.
"""

from ml_collections import ConfigDict

from configs import base, shapes_anisotropic


def get_config(arg: str = "") -> ConfigDict:
    config = shapes_anisotropic.shapes()
    config.title = "dSprites, independent subspaces of two latents"
    config.prior.name = ("subspaces",)
    config.prior.groups = (2, 2, 2, 2, 2)
    config.prior.df = (3.0, 5.0, 10.0, float("inf"))
    config.figures = ("ablation", "traversals")
    config.figure_sweeps = ("df",)
    config.figure_score = (
        "tc_between",
        "tc_within",
        "kim_mnih_pruned",
        "reconstruction",
    )
    variants = {"laptop": laptop, "smoke": shapes_anisotropic.smoke}
    return base.finish(config, arg, variants)


def laptop(config: ConfigDict) -> None:
    """Makes the same comparison on 16×16 images with a dense network."""
    shapes_anisotropic.laptop(config)
    config.objective.beta = (1.0,)
