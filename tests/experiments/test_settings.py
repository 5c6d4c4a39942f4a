import math

import jax
import pytest

from configs import pinwheel, shapes_anisotropic, shapes_student_t
from experiments.config import command_line, settings
from experiments.models import networks, priors

SHAPES = shapes_anisotropic.get_config
T = shapes_student_t.get_config
PINWHEEL = pinwheel.get_config


def changed(config, **fields):
    """The config with changed fields; `objective__beta=(1.0,)` sets objective.beta."""
    with config.unlocked():
        for name, value in fields.items():
            *sections, field = name.split("__")
            section = config
            for part in sections:
                section = section[part]
            section[field] = value
    return config


def config_of(*arguments):
    """The validated config of a command line."""
    return command_line.config_of(["main", *arguments])[0]


def test_a_product_sweep_has_every_combination_once():
    config = changed(
        SHAPES(), prior__name=("isotropic", "pca"), objective__beta=(1.0, 4.0, 1.0)
    )
    rows = settings.rows(settings.validate(config)[1])
    assert [{name: row[name] for name in ("prior", "df", "beta")} for row in rows] == [
        {"prior": prior, "df": math.inf, "beta": beta}
        for prior in ("isotropic", "pca")
        for beta in (1.0, 4.0)
    ]


def test_a_zip_sweep_pairs_the_axes_and_repeats_single_values():
    rows = settings.rows(settings.validate(PINWHEEL())[1])
    pairs = [(row["beta"], row["alpha"]) for row in rows]
    top = [(beta, 0.0) for beta in (0.01, 0.3, 0.5, 1.0, 1.2)]
    bottom = [(0.0, alpha) for alpha in (1.0, 2.0, 3.0, 5.0, 8.0)]
    assert pairs == top + bottom
    assert {row["prior"] for row in rows} == {"clusters"}


def test_a_zip_sweep_of_unequal_axes_is_refused():
    config = changed(PINWHEEL(), objective__beta=(1.0, 2.0))
    with pytest.raises(ValueError, match=r"zip needs axes of equal length.*'beta': 2"):
        settings.rows(settings.validate(config)[1])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("3,inf",), (3.0, math.inf)),
        ((3, 5), (3.0, 5.0)),
        (("7", 9.0), (7.0, 9.0)),
        (("1e3",), (1000.0,)),
    ],
)
def test_elements_of_a_tuple_are_cast_to_its_type(values, expected):
    config, _ = settings.validate(changed(T(), prior__df=values))
    assert config.prior.df == expected
    assert all(type(value) is float for value in config.prior.df)


def test_tuples_are_read_from_a_command_line():
    config = config_of(
        "--config=configs/shapes_student_t.py:smoke",
        "--config.prior.df=3,inf",
        "--config.objective.beta=2",
        "--config.model.hidden=16,8",
    )
    assert config.prior.df == (3.0, math.inf)
    assert config.objective.beta == (2.0,)
    assert config.model.hidden == (16, 8)
    assert type(config.objective.beta[0]) is float


def test_priors_are_read_from_a_command_line():
    config = config_of(
        "--config=configs/shapes_anisotropic.py", "--config.prior.name=pca,learned"
    )
    assert config.prior.name == ("pca", "learned")


def test_validation_does_not_change_its_argument():
    config = changed(T(), prior__df=("3,inf",))
    settings.validate(config)
    assert config.prior.df == ("3,inf",)


CHOICES = [
    (SHAPES, {field.replace(".", "__"): wrong}, f"{field} must be one of")
    for field, wrong in (
        ("data.name", "mnist"),
        ("data.source", "web"),
        ("data.side", 12),
        ("model.network", "mlp"),
        ("model.channels", "wide"),
        ("model.likelihood", "laplace"),
        ("model.scale", "square"),
        ("model.init", "keras"),
        ("prior.pca_ranks", "all"),
        ("prior.layout", "circle"),
        ("objective.sweep", "random"),
        ("train.optimiser", "sgd"),
    )
]
RANGES = [
    (SHAPES, {field.replace(".", "__"): value}, f"{field} must be {expected}")
    for field, value, expected in (
        ("seeds", 0, "a finite number above 0"),
        ("model.latents", 0, "a finite number above 0"),
        ("prior.variance", -0.1, "a finite number above 0"),
        ("train.batch_size", 0, "a finite number above 0"),
        ("train.learning_rate", math.inf, "a finite number above 0"),
        ("train.learning_rate", math.nan, "a finite number above 0"),
        ("train.eps", 0.0, "a finite number above 0"),
        ("train.records", 0, "a finite number above 0"),
        ("evaluate.batch_size", 0, "a finite number above 0"),
        ("evaluate.votes", 0, "a finite number above 0"),
        ("evaluate.train_votes", 0, "a finite number above 0"),
        ("evaluate.held_out_votes", 0, "a finite number above 0"),
        ("evaluate.grid_points", 1, "at least 2"),
        ("rng", -1, "a finite number ≥ 0"),
        ("first_seed", -1, "a finite number ≥ 0"),
        ("data.points", -1, "a finite number ≥ 0"),
        ("data.rate", math.nan, "a finite number ≥ 0"),
        ("model.scale_floor", -1e-6, "a finite number ≥ 0"),
        ("train.epochs", -1.0, "a finite number ≥ 0"),
        ("train.steps", -1, "a finite number ≥ 0"),
        ("evaluate.points", -1, "a finite number ≥ 0"),
        ("runs.block", -1, "a finite number ≥ 0"),
        ("runs.devices", -1, "a finite number ≥ 0"),
    )
]
REST = [
    (SHAPES, {"objective__beta": ("four",)}, "objective.beta must be float values"),
    (SHAPES, {"model__hidden": ("1.5",)}, "model.hidden must be int values"),
    (SHAPES, {"prior__name": ()}, "prior.name must have at least one value; got none"),
    (SHAPES, {"prior__name": ("uniform",)}, "prior.name must be one or more of"),
    (
        SHAPES,
        {"data__name": ("dsprites", "pinwheel")},
        "data.name sweeps over images, or over points of the plane",
    ),
    (SHAPES, {"model__latents": ()}, "model.latents must have at least one value"),
    (SHAPES, {"model__latents": (3, 0)}, "model.latents must be .* got 0"),
    (SHAPES, {"model__latents": (3, 2.5)}, "model.latents must be a whole number"),
    (SHAPES, {"model__hidden": ((3,), (0,))}, r"model.hidden must be .* got \(0,\)"),
    (SHAPES, {"model__hidden": ((3,), 4)}, "a tuple, or only tuples if it is swept"),
    (SHAPES, {"model__hidden": ((3,), "64")}, "a tuple, or only tuples if it is swept"),
    (SHAPES, {"data__look": ("plain", "red")}, "data.look must be one of .* got red"),
    (SHAPES, {"seeds": (1, 2)}, "seeds must be a whole number"),
    (SHAPES, {"figure_line": "latents"}, "figure_line must be one of"),
    (
        SHAPES,
        {"objective__beta": (math.inf,)},
        "objective.beta must be a finite number",
    ),
    (
        SHAPES,
        {"objective__beta": (math.nan,)},
        "objective.beta must be a finite number",
    ),
    (SHAPES, {"objective__alpha": (-1.0,)}, "objective.alpha must be a finite number"),
    (T, {"prior__df": (0.0,)}, "prior.df must be a number above 0"),
    (T, {"prior__df": (math.nan,)}, "prior.df must be a number above 0"),
    (PINWHEEL, {"model__latents": 3}, "lies in the plane and needs .* = 2; got 3"),
    (SHAPES, {"prior__name": ("clusters",)}, "clusters lies in the plane .* got 10"),
    (
        PINWHEEL,
        {"model__latents": 3, "prior__name": ("isotropic",)},
        "pinwheel is scored by quadrature in the plane and needs .* = 2; got 3",
    ),
    (PINWHEEL, {"model__likelihood": "bernoulli"}, "likelihood = gaussian; got bernou"),
    (
        PINWHEEL,
        {"model__network": "conv"},
        "conv needs images .* got data.name = pinwheel",
    ),
    (SHAPES, {"data__source": "file"}, "data.source = file needs data.path"),
]


@pytest.mark.parametrize(("make", "fields", "message"), CHOICES + RANGES + REST)
def test_a_wrong_value_is_refused_in_one_line_that_names_it(make, fields, message):
    with pytest.raises(ValueError, match=message) as error:
        settings.validate(changed(make(), **fields))
    assert "\n" not in str(error.value)


def test_an_unknown_choice_is_refused_with_the_choices():
    with pytest.raises(ValueError, match=r"\('adam', 'amsgrad_torch'\); got sgd\."):
        settings.validate(changed(SHAPES(), train__optimiser="sgd"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("isotropic", "gaussian"),
        ("pca", "gaussian"),
        ("learned", "gaussian"),
        ("student_t", "student_t"),
    ],
)
def test_the_family_follows_from_the_name_of_the_prior(name, expected):
    config, _ = settings.validate(changed(SHAPES(), prior__name=(name,)))
    assert priors.options(config).family == expected


def test_differences_name_fields_by_their_path():
    old = {"a": 1, "b": {"c": 2, "d": 3}, "gone": 5}
    new = {"a": 1, "b": {"c": 4, "d": 3}, "fresh": {"e": 1}}
    assert settings.differences(new, old) == [
        "b.c: 2 -> 4",
        "fresh: None -> {'e': 1}",
        "gone: 5 -> None",
    ]
    assert settings.differences(old, old) == []


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="GPUs have tf32")
def test_a_precision_that_the_device_lacks_is_refused():
    with shapes_anisotropic.get_config("laptop").unlocked() as config:
        config.model.precision = "tf32"
    model = settings.validate(config)[0].model
    with pytest.raises(ValueError, match="tf32 needs an NVIDIA GPU; this is a cpu"):
        networks.make(model, (16, 16, 1))
