"""The β-TCVAE against the β-VAE on heads of known azimuth, elevation and lighting.

    python -m experiments.main --config=configs/heads.py:laptop

Chen et al. 2018 (arXiv:1802.04942) compare the two on the 3D faces of Paysan et al.
2009, which may not be redistributed. This config uses drawn heads with the same
factors: 50 identities × 21 azimuths × 11 elevations × 11 lightings. Networks and
training are those of base.py. The first run draws the heads in a minute and keeps
520 MB in the cache. Variants: none (64×64 pixels, q(z) by Eq. 10b), `laptop` (minutes
on 2 cores), `authors` (q(z) by minibatch weighted sampling, as Chen et al. did),
`smoke` (a minute). Expected: the mutual information gap rises with β, and more so with
the β-TCVAE.
"""

from ml_collections import ConfigDict

from configs import base, shapes_anisotropic, tc_ablation


def get_config(arg: str = "") -> ConfigDict:
    config = base.get_config()
    config.title = "Heads, β-VAE and β-TCVAE"
    config.seeds = 10
    config.data.name = "heads"
    config.objective.name = ("beta_vae", "beta_tcvae")
    config.objective.beta = (1.0, 2.0, 4.0, 6.0, 8.0)
    config.figures = ("reconstruction_vs_score", "traversals", "reconstructions")
    config.figure_line = "objective"
    config.figure_score = ("mig", "kim_mnih_pruned")
    variants = {
        "laptop": laptop,
        "authors": tc_ablation.authors,
        "smoke": shapes_anisotropic.smoke,
    }
    return base.finish(config, arg, variants)


def laptop(config: ConfigDict) -> None:
    """Makes the same comparison on 32×32 images with a dense network."""
    shapes_anisotropic.laptop(config)
    config.seeds = 10
    config.data.side = 32  # in the likelihood, a pixel has the weight of 4
    config.objective.beta = (1.0, 4.0, 8.0)
    config.train.steps = 4_000
    config.train.learning_rate = 1e-3
    config.deviations = (
        "laptop: 32×32 pixels, dense 128-128 network, 4,000 steps at learning rate "
        "1e-3, flax's initialisers, scores from 20,480 images and 5,000 votes of 200",
    )
