"""Every field of a configuration once, with its unit and its default.

The defaults are the paper's dSprites experiment (App. B.1). A field that holds a tuple
under `objective` or `prior` is an axis of the sweep; `--config.objective.beta=4` makes
it a single value. Numbers stand as the paper's text has them unless a comment says why.
"""

from collections.abc import Callable

from ml_collections import ConfigDict


def get_config() -> ConfigDict:
    """Returns the base configuration, not yet locked."""
    config = ConfigDict()
    config.title = ""
    config.variant = ""  # the variants applied, by name
    config.deviations = ()  # what the variants changed, each with its source
    config.rng = 0  # root of all randomness; a seed is folded into it
    config.seeds = 100  # runs per setting
    config.distributed = False  # several processes: SLURM, Kubernetes, Cloud TPU, MPI
    config.tensorboard = False  # a live view in WORKDIR/tensorboard
    config.first_seed = 0  # seeds first_seed … first_seed + seeds − 1

    config.data = ConfigDict()
    # dsprites | pinwheel | fashion_mnist | heads | shapes3d | small_norb | celeb_a |
    # mpi3d | cars3d | images
    config.data.name = "dsprites"
    # Images: rendered | file | tfds, or auto: file if there is a path, else tfds
    config.data.source = "rendered"
    config.data.path = ""  # of source = "file": .npz, .hdf5, .zip, .tar.gz or a folder
    config.data.side = 64  # pixels, images are averaged down to them; 0 = as they are
    config.data.points = 0  # images used, a random subset; 0 = all. pinwheel: 400
    # Of dsprites: plain | colour (of its own for each sprite) | noise (behind it)
    config.data.look = "plain"
    # Two factors of dsprites or heads, such as scale,x: images are drawn, with
    # replacement, by p ∝ exp(−(f − g)²/2σ²), σ = correlation, classes scaled to [0, 1]
    config.data.correlated = ()
    config.data.correlation = 0.2  # of Träuble et al. 2021, with 0.4 and 0.7
    # Classes of two factors or more, such as shape=2,x=16..31: where an image has them
    # all, it is not trained on
    config.data.held_out = ""
    config.data.radial_std = 0.3  # pinwheel; the paper swaps the two names
    config.data.tangential_std = 0.1
    config.data.rate = 0.25

    config.model = ConfigDict()
    # conv (Table 1a) | dense, or auto: conv for 64×64 pixels, else dense
    config.model.network = "conv"
    config.model.channels = "text"  # of conv: text 32,32,32,64 | kim_mnih 32,32,64,64
    config.model.hidden = (128, 128)  # of dense: units per hidden layer
    config.model.latents = 10
    # bernoulli | gaussian, with a learned scale: of images one for all of their pixels
    config.model.likelihood = "bernoulli"
    config.model.scale = "exp"  # of q(z|x): exp(½·) or softplus(·)
    config.model.scale_floor = 1e-6  # added to the scale of q(z|x)
    config.model.likelihood_floor = 1e-6  # added to the scale of a Gaussian p(x|z)
    # Of the networks' products: float32 | tf32 (NVIDIA) | bfloat16, sums in float32
    config.model.precision = "float32"
    config.model.init = "torch"  # torch (the authors' framework) | flax

    config.prior = ConfigDict()
    # isotropic | pca | learned (swept together), or one of full_covariance, student_t,
    # laplace, spike_slab, subspaces, hierarchical, clusters, mixture, vamp
    config.prior.name = ("isotropic",)
    config.prior.df = (float("inf"),)  # ν of student_t; inf is the Gaussian limit
    config.prior.pca_ranks = "top"  # top (centred) | released_code
    config.prior.layout = (
        "axes"  # of clusters: axes (the authors' code) | square (text)
    )
    config.prior.variance = 0.03  # of a cluster
    config.prior.spike = (0.8,)  # of spike_slab: probability that a latent is off
    config.prior.spike_scale = 0.05  # as released by the authors
    config.prior.slab_scale = 1.0
    config.prior.groups = ()  # of subspaces: sizes that add up to the latents
    config.prior.top = 2  # of hierarchical: latents of the upper level
    config.prior.components = 16  # of mixture, and pseudo-inputs of vamp

    config.objective = ConfigDict()
    # alpha_beta (Eq. 3) holds the β-VAE; experiments/models/objectives.py has every
    # name, the weights it reads and what they multiply
    config.objective.name = ("alpha_beta",)
    config.objective.beta = (1.0,)  # weight of KL(q(z|x) ‖ p(z))
    config.objective.alpha = (0.0,)  # weight of D(q(z), p(z))
    config.objective.gamma = (1.0,)
    config.objective["lambda"] = (1.0,)  # of info_vae, wae_mmd and wae_gan
    config.objective.lambda_od = (1.0,)  # of dip_vae_i and dip_vae_ii
    config.objective.lambda_d = (1.0,)
    # D of alpha_beta and info_vae: kl_prior_aggregate | kl_aggregate_prior | mmd_rbf |
    # mmd_imq | mmd_rbf_dims | mmd_imq_dims | sliced_wasserstein | moments |
    # jensen_shannon
    config.objective.divergence = ("kl_prior_aggregate",)
    # Of q(z) in a minibatch: batch_mean | weighted | stratified | symmetrised (Eq. 10b)
    config.objective.estimator = "symmetrised"
    config.objective.groups = ()  # of hfvae: sizes that add up to the latents
    config.objective.samples = 5  # of iwae, per example
    config.objective.capacity = 25.0  # nats, where its schedule ends
    config.objective.schedule = ConfigDict()  # constant | linear | cyclic, by weight
    config.objective.schedule.alpha = "constant"
    config.objective.schedule.beta = "constant"
    config.objective.schedule.gamma = "constant"
    config.objective.schedule["lambda"] = "constant"
    config.objective.schedule.lambda_od = "constant"
    config.objective.schedule.lambda_d = "constant"
    config.objective.schedule.capacity = "linear"
    config.objective.warm_up = 0.5  # share of the training, or of a cycle, to rise in
    config.objective.cycles = 4  # of cyclic
    config.objective.matched = False  # entropy_regularised from codes × √β (Cor. 2)
    config.objective.sweep = "product"  # product | zip: how the axes combine
    config.objective.prior_count = 1.0  # times log p(z) enters the KL of clusters

    config.critic = ConfigDict()  # of factor_vae, wae_gan, jensen_shannon
    config.critic.hidden = (1000,) * 5  # Kim & Mnih 2018; so are the next three
    config.critic.learning_rate = 1e-4
    config.critic.b1 = 0.5
    config.critic.b2 = 0.9

    config.train = ConfigDict()
    config.train.batch_size = 64
    config.train.epochs = 20.0
    config.train.steps = 0  # 0: epochs · points / batch_size
    config.train.optimiser = "adam"  # adam | amsgrad_torch
    config.train.learning_rate = 1e-4
    config.train.b1 = 0.9
    config.train.b2 = 0.999
    config.train.eps = 1e-8  # not in the text; the default of both frameworks
    config.train.records = 50  # rows of metrics.csv over the training of a run

    config.evaluate = ConfigDict()
    # Images scored: trained (those used), or of the grid of factors all | held_out
    config.evaluate.images = "trained"
    config.evaluate.points = 0  # of these, a random subset; 0 = all
    config.evaluate.batch_size = 1024
    config.evaluate.votes = 20_000  # of the authors' score, no pruning
    config.evaluate.samples_per_vote = 1_000
    config.evaluate.train_votes = 10_000  # of the pruned score (Locatello et al. 2019)
    config.evaluate.held_out_votes = 5_000
    config.evaluate.active_threshold = 0.05  # std of means / std of q(z): below, pruned
    config.evaluate.overlap_points = 1024  # a random subset: overlap costs its square
    # Of factors: mig, modularity, infom, infoc, sap. Of codes alone: hoyer,
    # gaussian_tc, gaussian_wasserstein, pairwise_information. auto: those of factors,
    # or those of codes for data without
    config.evaluate.metrics = ("mig", "modularity", "infom", "infoc", "sap")
    config.evaluate.grid_points = 200  # pinwheel: quadrature points per axis
    config.evaluate.samples_per_point = 16  # pinwheel: of the mutual information

    config.runs = ConfigDict()
    config.runs.block = 0  # runs trained together; 0 = chosen from the memory
    config.runs.checkpoint_minutes = 10.0  # between saves of a block in training
    # Keep the state of finished runs, thrice the parameters: train.steps may then grow.
    config.runs.keep_states = False
    config.runs.devices = 0  # 0 = all; on a CPU, one per core
    config.runs.layout = "auto"  # of runs on a device: auto | mapped | vmapped

    config.figures = ("reconstruction_vs_score", "traversals", "reconstructions")
    config.figure_line = "prior"  # a line of Figure 1 per value of this column
    config.figure_label = "beta"  # its points are labelled by this one
    config.figure_sweeps = ("beta",)  # columns of the ablation
    config.figure_score = ("kim_mnih_pruned", "kim_mnih_authors")
    return config


def finish(
    config: ConfigDict,
    arg: str | None,
    variants: dict[str, Callable[[ConfigDict], None]],
) -> ConfigDict:
    """Applies the named variants, in the order of `variants`, and locks the config.

    Raises:
        ValueError: For an unknown variant, naming the choices.
    """
    names = [name.strip() for name in (arg or "").split(",") if name.strip()]
    for name in names:
        if name not in variants:
            raise ValueError(
                f"unknown variant '{name}'; choices: {', '.join(variants)}."
            )
    chosen = [name for name in variants if name in names]
    for name in chosen:
        variants[name](config)
    config.variant = ",".join(chosen)
    return config.lock()


def deviate(config: ConfigDict, *texts: str) -> None:
    """Records deviations from the paper's text, to be shown and kept with results."""
    config.deviations = config.deviations + texts
