"""Every field of a config: its default, its allowed values, and its meaning.

The other configs override these defaults, which are those of the paper's text unless
the help of a field says otherwise. Several values of a field of `data`, `model`,
`prior`, `objective`, `critic` or `train` are an axis of the sweep, such as
`config.model.latents = (5, 10)`. A field that is itself a tuple takes a tuple of
tuples, such as `config.model.hidden = ((128,), (64, 64))`. On the command line,
`--config.objective.beta=4` replaces an axis by a single value.

The values of a `Parameter`, such as a weight, and of a learning rate share a compiled
program. So do most objectives, and priors of one family. Each value of any other field
needs a program of its own, and programs are trained one after another.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ml_collections import ConfigDict


class Rule(NamedTuple):
    """The condition that a value must satisfy, as a function and in words."""

    accepts: Callable[[Any], bool]
    words: str


POSITIVE = Rule(lambda v: 0 < v < math.inf, "a finite number above 0")
NOT_NEGATIVE = Rule(lambda v: 0 <= v < math.inf, "a finite number ≥ 0")
NONE_OR_A_VARIANCE = Rule(
    lambda v: v == 0 or v >= 2, "0 (none) or at least 2, for a variance"
)
FOR_A_VARIANCE = Rule(lambda v: v >= 2, "at least 2, for a variance")
AT_LEAST_TWO = Rule(lambda v: v >= 2, "at least 2")
BELOW_ONE = Rule(lambda v: 0 <= v < 1, "a number in [0, 1)")
SHARE = Rule(lambda v: 0 < v <= 1, "a share in (0, 1]")
ABOVE_ZERO = Rule(lambda v: v > 0, "a number above 0")
WIDTHS = Rule(lambda v: min(v) > 0, "layer widths above 0")


class Field(NamedTuple):
    """One field of a config."""

    default: Any
    help: str
    rule: Rule | None = None
    # The allowed values, or those of each part of a tuple: a tuple of them, or the word
    # for a registry in `experiments.config.fields`.
    choices: tuple | str = ()
    most: int = 0  # the largest sensible number; 0 for no limit
    parts: type | None = None  # for a tuple, the type of its parts
    may_be_empty: bool = False  # whether a tuple may be empty


class Parameter(NamedTuple):
    """A traced number that objectives, divergences or priors read.

    It is a field `objective.NAME` or `prior.NAME`, and a column NAME of the settings.
    One program trains all its values.
    """

    symbol: str  # in figures and reports
    default: float
    help: str
    rule: Rule = NOT_NEGATIVE
    # The value that tables show for settings that do not read it; None is the default.
    unread: float | None = None


def schedule(weight: str, default: str = "constant") -> Field:
    """The field `objective.schedule.WEIGHT`."""
    text = f"schedule of objective.{weight} during training"
    return Field(default, text, choices="schedules")


# The weights of the papers' objectives and the parameters of their priors, with their
# defaults. The entries in `experiments.models` have the help of these fields.
WEIGHTS = {
    **{"beta": 1.0, "alpha": 0.0, "gamma": 1.0},
    **{"lambda": 1.0, "lambda_od": 1.0, "lambda_d": 1.0},
}
PARAMETERS = {"df": math.inf, "spike": 0.8}
FIELDS: dict[str, Field] = {
    "title": Field("", "title of the figures and of the report"),
    "variant": Field("", "names of the variants that are applied; set by the config"),
    "deviations": Field((), "what the variants change, each with its source"),
    "rng": Field(0, "seed of the sweep; that of a run is folded into it", NOT_NEGATIVE),
    "seeds": Field(100, "number of runs per setting", POSITIVE, most=1_000_000),
    "distributed": Field(
        False, "whether a job of several processes trains (SLURM, Kubernetes, TPU, MPI)"
    ),
    "tensorboard": Field(False, "whether to write a live view to WORKDIR/tensorboard"),
    "first_seed": Field(
        0, "seeds are first_seed … first_seed + seeds − 1", NOT_NEGATIVE
    ),
    # ---- data
    "data.name": Field("dsprites", "the data set", choices="data sets"),
    "data.source": Field(
        "rendered",
        "where images come from: rendered draws them, tfds is tensorflow-datasets, and "
        "auto is file if data.path is given, else tfds",
        choices=("rendered", "file", "tfds", "auto"),
    ),
    "data.path": Field(
        "",
        "path of the images for data.source = file: .npz, .hdf5, .zip, .tar.gz or a "
        "folder",
    ),
    "data.side": Field(
        64,
        "images are averaged down to side × side pixels; 0 leaves them as they are",
        choices="sides",
    ),
    "data.points": Field(
        0,
        "number of images, a random subset, or of points of the plane; 0 is all",
        NOT_NEGATIVE,
        most=2_000_000,
    ),
    "data.look": Field(
        "plain",
        "look of dSprites: colour gives each sprite a colour of its own, noise puts "
        "noise behind it",
        choices="looks",
    ),
    "data.correlated": Field(
        (),
        "two factors of dSprites or heads, such as scale,x, to correlate: images are "
        "drawn with replacement by p ∝ exp(−(f − g)²/2σ²), classes scaled to [0, 1]",
        parts=str,
        may_be_empty=True,
    ),
    "data.correlation": Field(
        0.2,
        "width σ of data.correlated; Träuble et al. 2021 use 0.2, 0.4 and 0.7",
        POSITIVE,
    ),
    "data.held_out": Field(
        "",
        "classes of at least two factors, such as shape=2,x=16..31: images that have "
        "all of them are left out of the training",
    ),
    "data.radial_std": Field(
        0.3,
        "standard deviation along the arms; the paper swaps the names of this and the "
        "next",
        NOT_NEGATIVE,
    ),
    "data.tangential_std": Field(
        0.1, "standard deviation across the arms", NOT_NEGATIVE
    ),
    "data.rate": Field(
        0.25, "how fast an arm winds: its angle is rate · exp(radius)", NOT_NEGATIVE
    ),
    "data.noise_std": Field(
        0.1, "standard deviation of the noise of each coordinate", NOT_NEGATIVE
    ),
    # ---- model
    "model.network": Field(
        "conv",
        "encoder and decoder: conv is Table 1a, dense is Table 1b; auto is conv for "
        "images that it takes, else dense",
        choices="networks",
    ),
    "model.channels": Field(
        "text",
        "channels of the encoder: text is 32,32,32,64, kim_mnih is 32,32,64,64",
        choices=("text", "kim_mnih"),
    ),
    "model.hidden": Field(
        (128, 128),
        "widths of the hidden layers",
        WIDTHS,
        most=100_000,
        parts=int,
    ),
    "model.latents": Field(10, "number of latents D", POSITIVE, most=10_000),
    "model.likelihood": Field(
        "bernoulli",
        "likelihood p(x|z); the scale of a Gaussian is learned, for images one for all "
        "pixels",
        choices=("bernoulli", "gaussian"),
    ),
    "model.scale": Field(
        "exp",
        "how the encoder's output gives the scale of q(z|x): exp(½·) or softplus(·)",
        choices=("exp", "softplus"),
    ),
    "model.scale_floor": Field(1e-6, "term added to the scale of q(z|x)", NOT_NEGATIVE),
    "model.likelihood_floor": Field(
        1e-6, "term added to the scale of a Gaussian p(x|z)", NOT_NEGATIVE
    ),
    "model.precision": Field(
        "float32",
        "precision of the networks' matrix products, with float32 sums; tf32 needs an "
        "NVIDIA GPU; bfloat16_activations also keeps activations in bfloat16",
        choices="precisions",
    ),
    "model.form": Field(
        "auto",
        "how convolutions are computed, which changes only speed: auto is the fastest "
        "form on the device",
        choices="forms",
    ),
    "model.init": Field(
        "torch",
        "initial weights: those of PyTorch, as in the authors' code, or those of Flax",
        choices="initialisers",
    ),
    # ---- prior
    "prior.name": Field(
        ("isotropic",),
        "prior p(z); isotropic, pca and learned share a compiled program",
        choices="priors",
        parts=str,
    ),
    **{f"prior.{n}": Field((v,), "", parts=float) for n, v in PARAMETERS.items()},
    "prior.pca_ranks": Field(
        "top",
        "PCA variances: the D largest, or those of the released code, ranks 2D … D + 1 "
        "of data that are not centred",
        choices=("top", "released_code"),
    ),
    "prior.layout": Field(
        "axes",
        "positions of the clusters: on the axes, as in the authors' code, or on the "
        "corners of a square, as in the text",
        choices=("axes", "square"),
    ),
    "prior.variance": Field(0.03, "variance of a cluster", POSITIVE),
    "prior.spike_scale": Field(
        0.05, "scale of the spike, as in the authors' code", POSITIVE
    ),
    "prior.slab_scale": Field(1.0, "scale of the slab", POSITIVE),
    "prior.groups": Field(
        (),
        "sizes of the subspaces, whose sum is model.latents",
        parts=int,
        may_be_empty=True,
    ),
    "prior.top": Field(2, "number of latents of the upper level", POSITIVE),
    "prior.components": Field(
        16, "number of components, or of pseudo-inputs", POSITIVE, most=100_000
    ),
    # ---- objective
    "objective.name": Field(
        ("alpha_beta",),
        "objective; alpha_beta is Eq. 3, of which the β-VAE is the case α = 0",
        choices="objectives",
        parts=str,
    ),
    **{f"objective.{n}": Field((v,), "", parts=float) for n, v in WEIGHTS.items()},
    "objective.divergence": Field(
        ("kl_prior_aggregate",),
        "divergence D(q(z), p(z))",
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
        "sizes of the groups of latents, whose sum is model.latents",
        parts=int,
        may_be_empty=True,
    ),
    "objective.samples": Field(5, "draws per example", POSITIVE, most=10_000),
    "objective.capacity": Field(25.0, "final capacity C, nats", NOT_NEGATIVE),
    **{f"objective.schedule.{name}": schedule(name) for name in WEIGHTS},
    "objective.schedule.capacity": schedule("capacity", "linear"),
    "objective.warm_up": Field(
        0.5,
        "share of the training, or of a cycle, during which a scheduled weight rises",
        SHARE,
    ),
    "objective.cycles": Field(4, "number of cycles of a cyclic schedule", POSITIVE),
    "objective.matched": Field(
        False,
        "whether the codes of entropy_regularised start as √β times those of beta_vae "
        "(Corollary 2)",
    ),
    "objective.sweep": Field(
        "product", "how the axes of the sweep combine", choices=("product", "zip")
    ),
    "objective.prior_count": Field(
        1.0, "factor of log p(z) in the KL of the prior clusters", POSITIVE
    ),
    # ---- critic
    "critic.hidden": Field(
        (1000,) * 5,
        "widths of the hidden layers of the critic that factor_vae, wae_gan and "
        "jensen_shannon train; the critic's four fields are as in Kim & Mnih 2018",
        WIDTHS,
        most=100_000,
        parts=int,
    ),
    "critic.learning_rate": Field(1e-4, "learning rate of the critic", POSITIVE),
    "critic.b1": Field(
        0.5, "decay of the first moment in the critic's Adam", BELOW_ONE
    ),
    "critic.b2": Field(
        0.9, "decay of the second moment in the critic's Adam", BELOW_ONE
    ),
    # ---- train
    "train.batch_size": Field(64, "examples per minibatch", POSITIVE),
    "train.epochs": Field(20.0, "passes over the data", NOT_NEGATIVE),
    "train.steps": Field(
        0,
        "training steps, instead of epochs; 0 means epochs · ⌊points / batch_size⌋",
        NOT_NEGATIVE,
    ),
    "train.optimiser": Field(
        "adam",
        "optimiser; amsgrad_torch is that of the authors' code",
        choices=("adam", "amsgrad_torch"),
    ),
    "train.learning_rate": Field(1e-4, "learning rate of the networks", POSITIVE),
    "train.b1": Field(0.9, "decay of the first moment in Adam", BELOW_ONE),
    "train.b2": Field(0.999, "decay of the second moment in Adam", BELOW_ONE),
    "train.eps": Field(
        1e-8,
        "ε of Adam; the text names none, and this is the default of PyTorch and optax",
        POSITIVE,
    ),
    "train.records": Field(
        50,
        "rows of metrics.csv per run; up to twice as many if it does not divide the "
        "steps",
        POSITIVE,
    ),
    # ---- evaluate
    "evaluate.images": Field(
        "trained",
        "images that are scored: those trained on, all of the grid of factors, or "
        "those held out",
        choices=("trained", "all", "held_out"),
    ),
    "evaluate.points": Field(
        0, "number of these images, a random subset; 0 for all", NOT_NEGATIVE
    ),
    "evaluate.batch_size": Field(1024, "examples encoded at once", POSITIVE),
    "evaluate.votes": Field(
        20_000,
        "votes of Kim & Mnih's score as the authors compute it, without pruning",
        POSITIVE,
        most=10_000_000,
    ),
    "evaluate.samples_per_vote": Field(
        1_000, "points per vote of Kim & Mnih's score", FOR_A_VARIANCE, most=1_000_000
    ),
    "evaluate.train_votes": Field(
        10_000,
        "votes that Kim & Mnih's pruned score is fitted to (Locatello et al. 2019)",
        POSITIVE,
        most=10_000_000,
    ),
    "evaluate.held_out_votes": Field(
        5_000, "votes that the pruned score is evaluated on", POSITIVE, most=10_000_000
    ),
    "evaluate.active_threshold": Field(
        0.05,
        "a latent is pruned if std(its means) / std(q(z_d)) is below this",
        NOT_NEGATIVE,
    ),
    "evaluate.overlap_points": Field(
        1024,
        "points for the scores of overlap; the cost is quadratic in their number",
        FOR_A_VARIANCE,
        most=100_000,
    ),
    "evaluate.aggregate_samples": Field(
        1024,
        "for images, draws of q(z) for I(z; n), TC and KL(q(z) ‖ p(z)); 0 omits these",
        NONE_OR_A_VARIANCE,
        most=1_000_000,
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
        "quadrature points per axis, for points of the plane",
        AT_LEAST_TWO,
        most=10_000,
    ),
    "evaluate.samples_per_point": Field(
        16,
        "draws per point for the mutual information, for points of the plane",
        FOR_A_VARIANCE,
        most=10_000,
    ),
    # ---- runs
    "runs.block": Field(
        0, "number of runs trained together; 0 for as many as fit", NOT_NEGATIVE
    ),
    "runs.checkpoint_minutes": Field(
        10.0, "minutes between two checkpoints", NOT_NEGATIVE
    ),
    "runs.keep_states": Field(
        False,
        "whether to keep the states of finished runs, three times the parameters, so "
        "that train.steps can be increased later",
    ),
    "runs.devices": Field(
        0, "number of devices; 0 for all, on a CPU one per core", NOT_NEGATIVE
    ),
    "runs.layout": Field("auto", "how a device computes its runs", choices="layouts"),
    # ---- figures
    "figures": Field(
        ("reconstruction_vs_score", "traversals", "reconstructions"),
        "figures to draw; () for none",
        choices="figures",
        parts=str,
        may_be_empty=True,
    ),
    "figure_line": Field(
        "prior", "column whose values are the lines of Figure 1", choices="columns"
    ),
    "figure_label": Field(
        "beta", "column that labels the points of Figure 1", choices="columns"
    ),
    "figure_sweeps": Field(
        ("beta",),
        "columns whose values are the x-axes of the ablation figure",
        choices="columns",
        parts=str,
        may_be_empty=True,
    ),
    "figure_score": Field(
        ("kim_mnih_pruned", "kim_mnih_authors"),
        "scores that the figures draw",
        choices="scores",
        parts=str,
        may_be_empty=True,
    ),
}


def get_config() -> ConfigDict:
    """The config with every default, which is not yet locked.

    A field takes values of any type, because a tuple in place of one value is swept.
    The values are checked when the sweep starts.
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

    Args:
        config: The config without variants, which is changed.
        arg: The names of variants with commas between them, as after the colon of
            `--config=configs/pinwheel.py:authors,smoke`.
        variants: The function of each variant, which changes the config.

    Returns:
        The same config.

    Raises:
        ValueError: One line with the choices, for an unknown variant.
    """
    names = [name.strip() for name in (arg or "").split(",") if name.strip()]
    for name in names:
        if name not in variants:
            raise ValueError(
                f"unknown variant '{name}'; choices: {', '.join(variants)}."
            )
    selection = [name for name in variants if name in names]
    for name in selection:
        variants[name](config)
    config.variant = ",".join(selection)
    return config.lock()


def deviate(config: ConfigDict, *texts: str) -> None:
    """Adds lines that say how a variant deviates from the paper's text."""
    config.deviations = config.deviations + texts
