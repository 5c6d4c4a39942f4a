"""A β-VAE on other images: 3D Shapes, MPI3D, Cars3D, Small NORB, CelebA, or your own.

    python -m experiments.main --config=configs/images.py --config.data.name=shapes3d
    ... --config.data.name=small_norb | celeb_a | fashion_mnist
    ... --config.data.name=mpi3d --config.data.path=mpi3d_real.npz
    ... --config.data.name=cars3d --config.data.path=nips2015-analogy-data.tar.gz
    ... --config.data.name=images --config.data.path=FOLDER   of PNG or JPEG files
    ... --config.data.name=images --config.data.path=FILE.npz with `images`, `factors`

Files are read from `--config.data.path`. Without a path, tensorflow-datasets downloads
the data into its own folder, and with `--config.data.source=tfds` into the path. It
does not have MPI3D and Cars3D. `--config.data.points=50000` reads a random subset: all
of 3D Shapes takes 5.9 GB, and MPI3D 12.7 GB, in main memory and on each device. Images
of 64×64 pixels in one or three colours are encoded by the convolutions of Table 1a;
those of 8×8, 16×16 or 32×32 pixels by the same without its first layers; and all others
by dense networks. `--config.data.side=16` averages images down to 16×16 pixels; 0
leaves them as they are. p(x|z) is Bernoulli over intensities in [0, 1], as in Locatello
et al. 2019, so that −log p(x|z) of a perfect reconstruction is not 0. With
`--config.model.likelihood=gaussian` it is N(x; μ(z), σ² I) with one learned σ, a
density, whose −log may be negative.

Your own images may have factors: `factors` in the .npz or `factors.csv` in the folder.
Sub-folders become a factor `class` (see decomp/datasets/images.py). A factor with a
single class is not scored. Images without factors get the scores that need none:
reconstruction, KL, active latents, overlap, Hoyer sparsity and the dependence of the
latents. `evaluate.metrics = auto` chooses the metrics that the data allow; if there are
no factors, or a single one, it is an error to name a metric that compares factors.

Variants: none (300,000 steps, as in Locatello et al. 2019), `laptop` (16×16 pixels,
dense network, 10,000 images, minutes on 2 cores), `smoke` (a minute, 512 images). If
you have fewer images, add `--config.data.points=0 --config.evaluate.points=0`, which
takes all; if they are smaller than 16×16, add `--config.data.side=0`.
"""

from ml_collections import ConfigDict

from configs import base, shapes_anisotropic


def get_config(arg: str = "") -> ConfigDict:
    config = base.get_config()
    config.seeds = 5
    config.data.name = "shapes3d"
    config.title = "β-VAE on " + config.data.get_oneway_ref("name")
    config.data.source = "auto"
    config.data.side = 0
    config.model.network = "auto"
    config.objective.beta = (1.0, 4.0, 8.0)
    config.train.steps = 300_000
    config.evaluate.metrics = ("auto",)
    config.figure_score = ("kim_mnih_pruned", "mig", "active", "gaussian_tc")
    variants = {"laptop": laptop, "smoke": shapes_anisotropic.smoke}
    return base.finish(config, arg, variants)


def laptop(config: ConfigDict) -> None:
    """Trains the same model on 16×16 images with a dense network."""
    # In the likelihood, an averaged pixel has the weight of the pixels it stands for.
    config.data.side = 16
    config.data.points = 10_000
    config.model.network = "dense"
    config.model.init = "flax"
    config.objective.beta = (1.0, 4.0)
    config.train.steps = 2_500
    config.train.learning_rate = 1e-3
    config.evaluate.aggregate_samples = 256
    config.evaluate.votes = 5_000
    config.evaluate.samples_per_vote = 200
    config.evaluate.train_votes = 5_000
    base.deviate(
        config,
        "laptop: 16×16 pixels, a random 10,000 images, dense 128-128 network, 2,500 "
        "steps at learning rate 1e-3, flax's initialisers, 5,000 votes of 200",
    )
