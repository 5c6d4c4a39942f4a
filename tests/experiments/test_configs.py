import importlib
import itertools
import math
import pathlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import pinwheel, shapes_anisotropic, shapes_student_t
from decomp.datasets import dsprites
from experiments.config import settings
from experiments.data.arrays import Dataset, coordinates, shares
from experiments.models import autoencoder, objectives, priors
from experiments.models.autoencoder import Hyperparameters
from experiments.sweep import layout
from experiments.sweep.layout import Sweep

CONFIGS = {
    "pinwheel": pinwheel,
    "shapes_anisotropic": shapes_anisotropic,
    "shapes_student_t": shapes_student_t,
}
# `your_own` and `anisotropy` would add their entries to the registries.
FILES = sorted(
    {path.stem for path in pathlib.Path(pinwheel.__file__).parent.glob("*.py")}
    - {"__init__", "base", "your_own", "anisotropy"}
)
VARIANTS = [
    ",".join(names)
    for count in range(4)
    for names in itertools.combinations(("laptop", "authors", "smoke"), count)
]

# Values in the paper's text, with the section of its appendix.
SHAPES = {
    "seeds": 100,  # B.1: 100 separately trained networks
    "data.name": "dsprites",
    "data.side": 64,
    "data.points": 0,  # all 737,280 of them
    "model.network": "conv",  # Table 1a
    "model.channels": "text",
    "model.latents": 10,
    "model.likelihood": "bernoulli",
    "train.optimiser": "adam",  # B.1
    "train.learning_rate": 1e-4,
    "train.b1": 0.9,
    "train.b2": 0.999,
    "objective.alpha": (0.0,),  # B.1: β-VAE
    "prior.pca_ranks": "top",  # B.1: the first D singular values
    "evaluate.points": 0,  # B.1: no split
}
PAPER = {
    "shapes_anisotropic": SHAPES
    | {
        "prior.name": ("isotropic", "pca", "learned"),  # Figure 1, left
        "train.batch_size": 64,  # B.1
        "train.epochs": 20.0,
        "evaluate.votes": 20_000,
    },
    "shapes_student_t": SHAPES
    | {
        "prior.name": ("student_t",),  # Figure 1, right
        "objective.beta": (1.0,),
        "train.batch_size": 256,  # B.1
        "train.epochs": 40.0,
    },
    "pinwheel": {
        "seeds": 100,
        "data.points": 400,  # B.2: 4 arms of 100
        "data.rate": 0.25,
        "data.radial_std": 0.3,  # B.2 swaps the names of the two
        "data.tangential_std": 0.1,
        "model.network": "dense",  # Table 1b
        "model.hidden": (100,),
        "model.latents": 2,
        "model.likelihood": "gaussian",
        "prior.name": ("clusters",),  # Eq. 8
        "prior.variance": 0.03,
        "objective.beta": (0.01, 0.3, 0.5, 1.0, 1.2, 0, 0, 0, 0, 0),  # Figure 2
        "objective.alpha": (0, 0, 0, 0, 0, 1.0, 2.0, 3.0, 5.0, 8.0),
        "objective.prior_count": 1.0,
        "train.batch_size": 400,  # B.2: B = n
        "train.epochs": 500.0,
        "train.optimiser": "adam",
        "train.learning_rate": 1e-3,
        "train.b1": 0.9,
        "train.b2": 0.999,
    },
}
# Values in the authors' released code where it differs.
SHAPES_CODE = {
    "train.optimiser": "amsgrad_torch",
    "train.learning_rate": 5e-4,
    "train.batch_size": 64,
    "train.epochs": 20.0,
    "model.channels": "kim_mnih",
    "prior.pca_ranks": "released_code",
}
CODE = {
    "shapes_anisotropic": SHAPES_CODE,
    "shapes_student_t": SHAPES_CODE,
    "pinwheel": {
        "train.optimiser": "amsgrad_torch",
        "train.learning_rate": 1e-3,
        "objective.prior_count": 2.0,
        "model.likelihood_floor": 0.0,
        "model.scale_floor": 1e-6,
    },
}


def field(config, path):
    for name in path.split("."):
        config = config[name]
    return config


def cases(table):
    return [
        (name, path, value)
        for name, values in table.items()
        for path, value in values.items()
    ]


def fake(config):
    """A few hundred points with the shapes of the data of a config."""
    size = max(300, config.train.batch_size)
    if config.data.name == "pinwheel":
        points, arms = np.zeros((size, 2), np.float32), np.zeros((size, 1), int)
        return Dataset(points, arms, (), coordinates)
    side = config.data.side
    pixels = (64 // side) ** 2
    points = np.zeros((size, 512 if side == 64 else side**2), np.uint8)
    factors = np.zeros((size, 5), np.uint8)
    decode = dsprites.unpack if side == 64 else shares(pixels)
    return Dataset(points, factors, (side, side, 1), decode, pixels)


def setting(config):
    zero = jnp.zeros(())
    parameters = dict.fromkeys(priors.read_by(config.prior.name), zero)
    prior = priors.Traced(parameters, jnp.zeros(config.model.latents), zero)
    weights = dict.fromkeys(objectives.read_by(config.objective.name), zero)
    return Hyperparameters(weights, prior, *[zero] * 5)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("variants", VARIANTS)
def test_every_config_builds_locked_and_is_valid(name, variants):
    config = CONFIGS[name].get_config(variants)
    assert config.is_locked
    with pytest.raises(AttributeError):
        config.train.learning_rat = 1.0
    config, programs = settings.validate(config)
    assert settings.rows(programs)
    assert config.title
    assert set(config.variant.split(",")) == set(variants.split(","))
    columns = {*settings.COLUMNS}
    assert {config.figure_line, config.figure_label} <= columns


@pytest.mark.parametrize("name", CONFIGS)
def test_a_variant_that_changes_the_paper_lists_its_deviations(name):
    for variants in VARIANTS:
        config = CONFIGS[name].get_config(variants)
        unchanged = set(variants.split(",")) <= {"", "laptop"} and name == "pinwheel"
        assert bool(config.deviations) == bool(variants and not unchanged)


@pytest.mark.parametrize("name", FILES)
def test_the_docstring_of_a_config_names_the_variants_that_it_has(name):
    module = importlib.import_module(f"configs.{name}")
    with pytest.raises(ValueError, match="unknown variant 'smok'") as error:
        module.get_config("smok")
    choices = str(error.value).partition("choices: ")[2].rstrip(".").split(", ")
    words = module.__doc__.partition("Variants")[2].partition("Expected:")[0]
    assert set(re.findall(r"`(\w+)`", words)) == set(choices)


@pytest.mark.parametrize("name", CONFIGS)
def test_an_unknown_variant_names_the_choices(name):
    with pytest.raises(ValueError, match="'smok'; choices: laptop, authors, smoke"):
        CONFIGS[name].get_config("smok")


@pytest.mark.parametrize("name", CONFIGS)
def test_the_order_in_which_variants_are_named_does_not_matter(name):
    make = CONFIGS[name].get_config
    a, b = make("smoke, authors,laptop"), make("laptop,authors,smoke")
    assert a.to_dict() == b.to_dict()


@pytest.mark.parametrize(("name", "path", "value"), cases(PAPER))
def test_no_variant_is_the_text_of_the_paper(name, path, value):
    assert field(CONFIGS[name].get_config(), path) == value


@pytest.mark.parametrize(("name", "path", "value"), cases(CODE))
def test_the_authors_variant_is_their_released_code(name, path, value):
    assert field(CONFIGS[name].get_config("authors"), path) == value


def test_the_sweeps_hold_the_settings_of_the_figures():
    rows = settings.rows(settings.validate(shapes_anisotropic.get_config())[1])
    pairs = {(row["prior"], row["beta"]) for row in rows}
    assert {("isotropic", 1.0), ("pca", 16.0), ("learned", 4.0)} <= pairs
    rows = settings.rows(settings.validate(shapes_student_t.get_config())[1])
    assert math.inf in {row["df"] for row in rows}
    assert min(row["df"] for row in rows) < 5


def test_the_laptop_variant_keeps_the_seeds_and_the_likelihood_of_a_pixel():
    config = shapes_anisotropic.get_config("laptop")
    data = fake(config)
    assert config.seeds == 100
    assert data.pixels_per_value * math.prod(data.shape) == 64 * 64


@pytest.mark.parametrize(
    ("name", "variants", "encoder", "decoder"),
    [
        ("shapes_anisotropic", "", 199_988, 298_017),  # Table 1a
        ("shapes_student_t", "", 199_988, 298_017),
        ("shapes_anisotropic", "authors", 249_172, 298_017),  # released code
        ("pinwheel", "", 704, 704),  # Table 1b
        ("pinwheel", "authors", 704, 704),
    ],
)
def test_networks_have_the_sizes_of_the_paper(name, variants, encoder, decoder):
    config, programs = settings.validate(CONFIGS[name].get_config(variants))
    vae = autoencoder.make(config, settings.rows(programs), fake(config))
    params = jax.eval_shape(
        lambda key: autoencoder.init(key, vae, setting(config)), jax.random.key(0)
    )
    sizes = {
        part: sum(leaf.size for leaf in jax.tree.leaves(params[part]))
        for part in ("encoder", "decoder")
    }
    assert sizes == {"encoder": encoder, "decoder": decoder}


# test_main trains the variants laptop and smoke of the others.
TRACED = [(name, variants) for name in CONFIGS for variants in ("", "authors")]
TRACED += [("shapes_student_t", "laptop,smoke")]
QUICK = {("pinwheel", ""), ("shapes_anisotropic", ""), TRACED[-1]}


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        pytest.param(*each, marks=() if each in QUICK else pytest.mark.slow)
        for each in TRACED
    ],
)
def test_every_config_traces(name, variants):
    config, programs = settings.validate(CONFIGS[name].get_config(variants))
    data, values = fake(config), setting(config)
    sweep = Sweep(
        config,
        autoencoder.make(config, settings.rows(programs), data),
        values,
        1,
        data,
        data,
        pathlib.Path(),
    )
    init, advance, scores = layout.functions(sweep)
    key, points = jax.random.key(0), jnp.asarray(data.points)
    start = jax.eval_shape(init, key, values)
    end = jax.eval_shape(advance, start, key, values, points, jnp.int32(1))
    assert jax.tree.map(jnp.shape, start) == jax.tree.map(jnp.shape, end)
    factors = jnp.asarray(data.factors.astype(np.int32))
    shapes = jax.eval_shape(scores, end.params, key, values, points, factors)
    assert all(leaf.shape == () for leaf in shapes.values())
    assert {"loss", "reconstruction", "kl"} <= set(shapes)
    scored = set(config.figure_score) & set(shapes)
    assert scored or config.data.name == "pinwheel"
