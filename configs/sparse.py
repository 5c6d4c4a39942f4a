"""Sparse codes: a spike-and-slab prior on Fashion-MNIST.

    python -m experiments.main --config=configs/sparse.py:laptop
    ... --config.data.source=tfds        the real images, through tensorflow-datasets

The prior is p(z) = Π_d [γ N(z_d; 0, 0.05²) + (1 − γ) N(z_d; 0, 1)] with γ =
`prior.spike`. The objective weighs the MMD of each latent, with kernels of several
scales, by α, so that q(z) matches p(z). By default the images are drawn by
`decomp.datasets.garments`, in ten classes with factors of their own. The workshop text
only names this prior; the experiment is that of the later version (Mathieu et al. 2019,
Sec. 5.3), whose figure shows Hoyer sparsity and the latents that each class uses.
Variants: none (training as in that version), `laptop` (minutes on 2 cores), `smoke` (a
minute). Expected: for γ > 0 sparsity rises with α, until α is too large and the codes
collapse; for γ = 0 it hardly rises.
"""

from ml_collections import ConfigDict

from configs import base, shapes_anisotropic


def get_config(arg: str = "") -> ConfigDict:
    config = base.get_config()
    config.title = "Garments, spike-and-slab prior"
    config.seeds = 10
    config.data.name = "fashion_mnist"
    config.model.network = "dense"
    config.model.hidden = (400,)
    config.model.latents = 50
    config.prior.name = ("spike_slab",)
    config.prior.spike = (0.0, 0.8)
    config.objective.divergence = ("mmd_imq_dims",)
    # These were chosen by trial: D is a sum over latents, and α = 100 collapses the
    # codes.
    config.objective.alpha = (0.0, 1.0, 3.0, 30.0)
    config.train.batch_size = 500
    config.train.epochs = 80.0
    config.train.learning_rate = 5e-4
    config.evaluate.metrics = ("hoyer",)
    config.figures = ("sparsity", "traversals", "reconstructions")
    config.figure_line = "spike"
    config.figure_label = "alpha"
    config.figure_score = ("hoyer",)
    return base.finish(config, arg, {"laptop": laptop, "smoke": smoke})


def laptop(config: ConfigDict) -> None:
    """Makes the same comparison with fewer images, latents and steps."""
    config.seeds = 5
    config.data.points = 10_000
    config.model.hidden = (128,)
    config.model.latents = 20
    config.model.init = "flax"
    config.train.batch_size = 100
    config.train.steps = 2_000
    config.train.learning_rate = 1e-3
    config.evaluate.points = 2_000
    base.deviate(
        config,
        "laptop: 5 seeds, 10,000 images, dense 128 network, 20 latents, 2,000 steps of "
        "100 at learning rate 1e-3, flax's initialisers",
    )


def smoke(config: ConfigDict) -> None:
    """Runs every stage on a few images in a minute; the numbers mean nothing."""
    config.objective.alpha = config.objective.alpha[:2]
    shapes_anisotropic.smoke(config)
