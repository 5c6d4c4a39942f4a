"""Independent subspaces: a prior that prefers groups of latents, not axes.

    python -m experiments.main --config=configs/subspaces.py:laptop

p(z) = Π_g t(z_g; ν) over five groups of two latents. In a group all directions are
alike; between groups, the heavy tails distinguish rotations. At ν = ∞ it is N(0, I),
which is invariant to all rotations. Variants as in shapes_anisotropic.py. Expected:
compared with ν = ∞, the dependence between groups falls (`tc_between`), while that in
groups (`tc_within`) need not.
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
    return base.finish(config, arg, {"laptop": laptop, "smoke": smoke})


def laptop(config: ConfigDict) -> None:
    """Makes the same comparison on 16×16 images with a dense network."""
    shapes_anisotropic.laptop(config)
    config.objective.beta = (1.0,)


smoke = shapes_anisotropic.smoke
