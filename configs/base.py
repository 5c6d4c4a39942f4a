"""Every field of a config: its default, what it may hold, and what it is for.

A config is made of these defaults, which other configs override. Several values of a
field of `data`, `model`, `prior`, `objective`, `critic` or `train` are an axis of the
sweep, such as `config.model.latents = (5, 10)`; a field that is a tuple itself takes a
tuple of tuples, such as `config.model.hidden = ((128,), (64, 64))`. Weights, objectives
and priors of one family share a compiled program; other values are programs of their
own, which are trained one after another. `--config.objective.beta=4` makes an axis a
single value. The values are those of the paper's text unless the help of a field says
otherwise.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ml_collections import ConfigDict


class Rule(NamedTuple):
    """What a value has to be, as a test and in words."""

    accepts: Callable[[Any], bool]
    words: str


POSITIVE = Rule(lambda v: 0 < v < math.inf, "a finite number above 0")
NOT_NEGATIVE = Rule(lambda v: 0 <= v < math.inf, "0 or a number above")
FOR_A_VARIANCE = Rule(lambda v: v >= 2, "at least 2, for a variance")
AT_LEAST_TWO = Rule(lambda v: v >= 2, "at least 2")
DECAY = Rule(lambda v: 0 <= v < 1, "a number in [0, 1)")
WIDTHS = Rule(lambda v: min(v) > 0, "units of each layer")


class Field(NamedTuple):
    """One field of a config."""

    default: Any
    help: str
    rule: Rule | None = None
    # What it may say, or of a tuple each part: the values, or a word for the entries of
    # that kind, see `experiments.config.fields`.
    choices: tuple | str = ()
    most: int = 0  # above it a number is a slip of the hand and no experiment; 0: none
    parts: type | None = None  # of a tuple, the type of its parts
    may_be_empty: bool = False  # whether a tuple may have no parts


FIELDS: dict[str, Field] = {
    "title": Field("", "title of the figures and of the report"),
    "variant": Field("", "variants applied, by name; the config sets it"),
    "deviations": Field((), "what the variants changed, each with its source"),
    "rng": Field(0, "root of all randomness; a seed is folded into it", NOT_NEGATIVE),
    "seeds": Field(100, "runs of each setting", POSITIVE, most=1_000_000),
    "distributed": Field(
        False, "whether several processes train: SLURM, Kubernetes, Cloud TPU or MPI"
    ),
    "tensorboard": Field(False, "whether WORKDIR/tensorboard has a live view"),
    "first_seed": Field(
        0, "the seeds are first_seed … first_seed + seeds − 1", NOT_NEGATIVE
    ),
    # ---- data
    "data.name": Field("dsprites", "the data set", choices="data sets"),
    "data.source": Field(
        "rendered",
        "where images are from; auto is a file if there is a path, else tfds",
        choices=("rendered", "file", "tfds", "auto"),
    ),
    "data.path": Field(
        "",
        "path for data.source = file: .npz, .hdf5, .zip, .tar.gz or a folder",
    ),
    "data.side": Field(
        64,
        "pixels a side to which images are averaged down; 0 leaves them as they are",
        choices="sides",
    ),
    "data.points": Field(
        0,
        "images used, a random subset, 0 for all; or points of the pinwheel",
        NOT_NEGATIVE,
        most=2_000_000,
    ),
    "data.look": Field(
        "plain",
        "look of dSprites: colour paints each sprite in its own colour, noise puts "
        "noise behind it",
        choices="looks",
    ),
    "data.correlated": Field(
        (),
        "two factors of dSprites or heads, such as scale,x: images are drawn, with "
        "replacement, by p ∝ exp(−(f − g)²/2σ²), their classes scaled to [0, 1]",
        parts=str,
        may_be_empty=True,
    ),
    "data.correlation": Field(
        0.2,
        "width σ of data.correlated; Träuble et al. 2021 take 0.2, 0.4 and 0.7",
        POSITIVE,
    ),
    "data.held_out": Field(
        "",
        "classes of two factors or more, such as shape=2,x=16..31: an image that has "
        "them all is not trained on",
    ),
    "data.radial_std": Field(
        0.3,
        "spread of the pinwheel along its arms; the paper swaps this name and the next",
        NOT_NEGATIVE,
    ),
    "data.tangential_std": Field(
        0.1, "spread of the pinwheel across its arms", NOT_NEGATIVE
    ),
    "data.rate": Field(0.25, "how much the arms of the pinwheel bend", NOT_NEGATIVE),
    # ---- model
    "model.network": Field(
        "conv",
        "networks: conv is Table 1a; auto is conv for 64×64 pixels, else dense",
        choices="networks",
    ),
    "model.channels": Field(
        "text",
        "channels of conv: the text has 32,32,32,64, Kim & Mnih have 32,32,64,64",
        choices=("text", "kim_mnih"),
    ),
    "model.hidden": Field(
        (128, 128),
        "units of each hidden layer of dense",
        WIDTHS,
        most=100_000,
        parts=int,
    ),
    "model.latents": Field(10, "D, the width of z", POSITIVE, most=10_000),
    "model.likelihood": Field(
        "bernoulli",
        "likelihood p(x|z); the scale of a Gaussian is learned, for images one for all "
        "pixels",
        choices=("bernoulli", "gaussian"),
    ),
    "model.scale": Field(
        "exp",
        "link of the scale of q(z|x): exp(½·) or softplus(·)",
        choices=("exp", "softplus"),
    ),
    "model.scale_floor": Field(1e-6, "added to the scale of q(z|x)", NOT_NEGATIVE),
    "model.likelihood_floor": Field(
        1e-6, "added to the scale of a Gaussian p(x|z)", NOT_NEGATIVE
    ),
    "model.precision": Field(
        "float32",
        "precision of the networks' products, whose sums are float32; tf32 needs an "
        "NVIDIA GPU; bfloat16_activations keeps the activations in bfloat16 too",
        choices="precisions",
    ),
    "model.form": Field(
        "auto",
        "how convolutions are computed, with the same values and parameters: auto is "
        "the form that is fastest on the device",
        choices="forms",
    ),
    "model.init": Field(
        "torch",
        "initial weights: PyTorch's, which the authors used, or Flax's",
        choices="initialisers",
    ),
    # ---- prior
    "prior.name": Field(
        ("isotropic",),
        "prior p(z); isotropic, pca and learned share a program",
        choices="priors",
        parts=str,
    ),
    "prior.df": Field(
        (math.inf,),
        "degrees of freedom ν of student_t and subspaces; inf: Gaussian",
        parts=float,
    ),
    "prior.pca_ranks": Field(
        "top",
        "principal variances of pca and learned: the largest, or those of the released "
        "code",
        choices=("top", "released_code"),
    ),
    "prior.layout": Field(
        "axes",
        "where clusters lie: on the axes, as in the authors' code, or in a square, as "
        "in the text",
        choices=("axes", "square"),
    ),
    "prior.variance": Field(0.03, "variance of a cluster", POSITIVE),
    "prior.spike": Field(
        (0.8,), "probability of spike_slab that a latent is off", parts=float
    ),
    "prior.spike_scale": Field(
        0.05, "scale of the spike, as the authors have it", POSITIVE
    ),
    "prior.slab_scale": Field(1.0, "scale of the slab", POSITIVE),
    "prior.groups": Field(
        (),
        "sizes of the subspaces, which add up to the latents",
        parts=int,
        may_be_empty=True,
    ),
    "prior.top": Field(2, "latents of the upper level of hierarchical", NOT_NEGATIVE),
    "prior.components": Field(
        16, "components of mixture, and pseudo-inputs of vamp", POSITIVE, most=100_000
    ),
    # ---- objective
    "objective.name": Field(
        ("alpha_beta",),
        "objective; alpha_beta is Eq. 3 and has the β-VAE as a case",
        choices="objectives",
        parts=str,
    ),
    "objective.beta": Field((1.0,), "weight of KL(q(z|x) ‖ p(z))", parts=float),
    "objective.alpha": Field((0.0,), "weight of D(q(z), p(z))", parts=float),
    "objective.gamma": Field(
        (1.0,), "weight γ of beta_tcvae, hfvae, factor_vae and capacity", parts=float
    ),
    "objective.lambda": Field(
        (1.0,), "weight λ of info_vae, wae_mmd and wae_gan", parts=float
    ),
    "objective.lambda_od": Field(
        (1.0,), "weight of the covariances in dip_vae_i and dip_vae_ii", parts=float
    ),
    "objective.lambda_d": Field(
        (1.0,), "weight of the variances in dip_vae_i and dip_vae_ii", parts=float
    ),
    "objective.divergence": Field(
        ("kl_prior_aggregate",),
        "divergence D(q(z), p(z)) of alpha_beta and info_vae",
        choices="divergences",
        parts=str,
    ),
    "objective.estimator": Field(
        "symmetrised",
        "estimator of q(z) in a minibatch; symmetrised is Eq. 10b",
        choices="estimators",
    ),
    "objective.groups": Field(
        (),
        "sizes of the groups of hfvae, which add up to the latents",
        parts=int,
        may_be_empty=True,
    ),
    "objective.samples": Field(
        5, "samples of iwae for each example", POSITIVE, most=10_000
    ),
    "objective.capacity": Field(
        25.0, "nats at which the schedule of capacity ends", NOT_NEGATIVE
    ),
    **{
        f"objective.schedule.{name}": Field(
            usual,
            f"how objective.{name} changes during the training",
            choices="schedules",
        )
        for name, usual in {
            **dict.fromkeys(("alpha", "beta", "gamma"), "constant"),
            **dict.fromkeys(("lambda", "lambda_od", "lambda_d"), "constant"),
            "capacity": "linear",
        }.items()
    },
    "objective.warm_up": Field(
        0.5, "share of the training, or of a cycle, in which a weight rises", POSITIVE
    ),
    "objective.cycles": Field(4, "cycles of a cyclic schedule", POSITIVE),
    "objective.matched": Field(
        False, "whether entropy_regularised starts from codes × √β (Corollary 2)"
    ),
    "objective.sweep": Field(
        "product", "how the axes of the sweep combine", choices=("product", "zip")
    ),
    "objective.prior_count": Field(
        1.0, "how often log p(z) enters the KL of clusters", POSITIVE
    ),
    # ---- critic
    "critic.hidden": Field(
        (1000,) * 5,
        "units of each hidden layer of the critic, which factor_vae, wae_gan and "
        "jensen_shannon train; the four fields are as Kim & Mnih 2018 have them",
        WIDTHS,
        most=100_000,
        parts=int,
    ),
    "critic.learning_rate": Field(1e-4, "learning rate of the critic", POSITIVE),
    "critic.b1": Field(0.5, "decay of the mean in the critic's Adam", DECAY),
    "critic.b2": Field(0.9, "decay of the square in the critic's Adam", DECAY),
    # ---- train
    "train.batch_size": Field(64, "examples of a minibatch", POSITIVE),
    "train.epochs": Field(20.0, "passes over the data", NOT_NEGATIVE),
    "train.steps": Field(
        0,
        "steps, in place of epochs; 0 takes epochs · points / batch_size",
        NOT_NEGATIVE,
    ),
    "train.optimiser": Field(
        "adam",
        "optimiser; amsgrad_torch is what the authors' code runs",
        choices=("adam", "amsgrad_torch"),
    ),
    "train.learning_rate": Field(1e-4, "learning rate of the networks", POSITIVE),
    "train.b1": Field(0.9, "decay of the mean in Adam", DECAY),
    "train.b2": Field(0.999, "decay of the square in Adam", DECAY),
    "train.eps": Field(
        1e-8,
        "ε of Adam; the text has none, and this is the default of both frameworks",
        POSITIVE,
    ),
    "train.records": Field(50, "rows of metrics.csv for each run", POSITIVE),
    # ---- evaluate
    "evaluate.images": Field(
        "trained",
        "images scored: those trained on, or of the grid of factors all, or held_out",
        choices=("trained", "all", "held_out"),
    ),
    "evaluate.points": Field(
        0, "how many of these images, a random subset; 0 for all", NOT_NEGATIVE
    ),
    "evaluate.batch_size": Field(1024, "examples encoded at once", POSITIVE),
    "evaluate.votes": Field(
        20_000,
        "votes of Kim & Mnih's score as the authors compute it, without pruning",
        POSITIVE,
        most=10_000_000,
    ),
    "evaluate.samples_per_vote": Field(
        1_000, "points of a vote of Kim & Mnih's score", FOR_A_VARIANCE, most=1_000_000
    ),
    "evaluate.train_votes": Field(
        10_000,
        "votes that fit the pruned score (Locatello et al. 2019)",
        POSITIVE,
        most=10_000_000,
    ),
    "evaluate.held_out_votes": Field(
        5_000, "votes on which the pruned score is judged", POSITIVE, most=10_000_000
    ),
    "evaluate.active_threshold": Field(
        0.05,
        "a latent is pruned where the std of its means over that of q(z_d) is below",
        NOT_NEGATIVE,
    ),
    "evaluate.overlap_points": Field(
        1024,
        "points on which overlap is judged, which costs their square",
        FOR_A_VARIANCE,
        most=100_000,
    ),
    "evaluate.metrics": Field(
        ("mig", "modularity", "infom", "infoc", "sap"),
        "metrics of codes and factors, or of codes alone; auto is those that the data "
        "allow",
        choices="metrics",
        parts=str,
    ),
    "evaluate.grid_points": Field(
        200,
        "quadrature points on each axis of the plane",
        AT_LEAST_TWO,
        most=10_000,
    ),
    "evaluate.samples_per_point": Field(
        16,
        "draws of each point for the mutual information, for points of the plane",
        FOR_A_VARIANCE,
        most=10_000,
    ),
    # ---- runs
    "runs.block": Field(
        0, "runs trained together; 0 chooses by the memory", NOT_NEGATIVE
    ),
    "runs.checkpoint_minutes": Field(
        10.0, "minutes between two saves of a block in training", NOT_NEGATIVE
    ),
    "runs.keep_states": Field(
        False,
        "whether states of finished runs are kept, thrice the parameters, so that "
        "train.steps may grow",
    ),
    "runs.devices": Field(
        0, "devices used; 0 for all, on a CPU one for each core", NOT_NEGATIVE
    ),
    "runs.layout": Field("auto", "how runs share a device", choices="layouts"),
    # ---- figures
    "figures": Field(
        ("reconstruction_vs_score", "traversals", "reconstructions"),
        "figures that are drawn; () for none",
        choices="figures",
        parts=str,
        may_be_empty=True,
    ),
    "figure_line": Field(
        "prior", "Figure 1 has a line for each value of this column", choices="columns"
    ),
    "figure_label": Field(
        "beta", "its points are labelled by this column", choices="columns"
    ),
    "figure_sweeps": Field(
        ("beta",),
        "columns of the ablation",
        choices="columns",
        parts=str,
        may_be_empty=True,
    ),
    "figure_score": Field(
        ("kim_mnih_pruned", "kim_mnih_authors"),
        "scores that are drawn",
        choices="scores",
        parts=str,
        may_be_empty=True,
    ),
}


def get_config() -> ConfigDict:
    """Returns the base configuration, not yet locked.

    A field takes values of any type, as a tuple in place of one value is swept; what is
    no value of the field is refused when the sweep starts.
    """
    config = ConfigDict(type_safe=False)
    for name, field in FIELDS.items():
        *sections, last = name.split(".")
        section = config
        for part in sections:
            if part not in section:
                section[part] = ConfigDict(type_safe=False)
            section = section[part]
        section[last] = field.default
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
