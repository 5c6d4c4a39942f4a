"""A copy of an entry under another name behaves like the entry: no name decides."""

import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base, pinwheel, shapes_anisotropic
from decomp.divergences.estimates import Minibatch
from decomp.losses import Terms
from decomp.networks.dense import GaussianDecoder
from decomp.priors import student_t
from experiments.config import fields, settings
from experiments.data import catalogue
from experiments.models import (
    autoencoder,
    divergences,
    networks,
    objectives,
    priors,
)
from experiments.sweep import layout
from tests.experiments.small_plane import config_of


@pytest.fixture
def renamed(monkeypatch):
    """Adds copies of entries as "renamed"."""

    def add(table, name, **changes):
        entry = table[name]._replace(name="renamed", **changes)
        monkeypatch.setitem(table, "renamed", entry)

    return add


def of_images(**changes):
    """Eight by eight pixels; `a__b` changes the field a.b."""
    config = shapes_anisotropic.get_config("laptop,smoke")
    small = {"data__side": 8, "data__points": 64, "model__hidden": (4,)}
    small |= {"model__latents": 2, "evaluate__points": 0, "objective__beta": (4.0,)}
    with config.unlocked():
        for name, value in (small | changes).items():
            fields.put(config, name.replace("__", "."), value)
    return config


def sweeps(config):
    _, programs = settings.validate(config)
    return layout.sweeps(programs, pathlib.Path())


def test_an_objective_of_groups(renamed):
    renamed(objectives.OBJECTIVES, "hfvae")
    config = config_of("subspaces", "renamed", "kl_prior_aggregate")
    for groups, gamma, words in [
        ((), 1.0, "objective.name = renamed needs objective.groups"),
        ((2,), 3.0, "objective.name = renamed weighs KL"),
        ((1, 1), 1.0, "objective.name = renamed weighs KL"),
    ]:
        with config.unlocked():
            config.objective.groups, config.objective.gamma = groups, (gamma,)
        with pytest.raises(ValueError, match=words):
            settings.validate(config)
    with config.unlocked():
        config.objective.groups, config.objective.gamma = (2,), (1.0,)
    settings.validate(config)


def test_a_bound_of_several_samples(renamed):
    renamed(objectives.OBJECTIVES, "iwae")
    config = config_of("isotropic", "vae", "kl_prior_aggregate")
    with config.unlocked():
        config.objective.name = ("vae", "renamed")
        config.objective.beta = (1.0,)
    alone, bound = (autoencoder.model(sweep.vae) for sweep in sweeps(config))
    assert (alone.samples, bound.samples) == (0, config.objective.samples)


def test_an_objective_that_reads_the_capacity(renamed):
    renamed(objectives.OBJECTIVES, "capacity")
    (sweep,) = sweeps(config_of("isotropic", "renamed", "kl_prior_aggregate"))
    setting = jax.tree.map(lambda v: v[0], sweep.settings)
    for progress, capacity in ((0.25, 12.5), (0.5, 25.0), (1.0, 25.0)):
        weights = autoencoder.weights(sweep.vae, setting, jnp.array(progress))
        assert weights == {"gamma": 3.0, "capacity": capacity}


def test_an_objective_reads_a_static_number_beside_its_weights(renamed):
    weights = objectives.OBJECTIVES["beta_vae"].fields
    renamed(
        objectives.OBJECTIVES,
        "beta_vae",
        fields=weights | {"times": base.Field(1, "count of KLs", base.POSITIVE)},
        value=lambda t, w: -w["beta"] * sum(t.kl for _ in range(w["times"])),
    )
    config = config_of("isotropic", "vae", "kl_prior_aggregate")
    with config.unlocked():
        config.objective.name, config.objective.times = ("vae", "renamed"), (1, 3)
    _, programs = settings.validate(config)
    assert [[(row["objective"], row["times"]) for row in p.rows] for p in programs] == [
        [("vae", 1), ("renamed", 1)],
        [("renamed", 3)],
    ]
    kl = jnp.array([0.5, 1.0])
    for sweep, times in zip(sweeps(config), (1, 3), strict=True):
        setting = jax.tree.map(lambda v: v[-1], sweep.settings)
        read = autoencoder.weights(sweep.vae, setting, jnp.ones(()))
        terms = Terms(log_px_z=kl, kl=kl, log_det=kl, divergence=kl[0], parts=None)
        values = autoencoder.model(sweep.vae).objective(terms, read, setting)
        assert values.tolist() == [-2 * times * 0.5, -2 * times]


def test_a_static_field_of_an_objective_has_help_and_readers_and_no_schedule(renamed):
    count = base.Field(1, "count of KLs", base.POSITIVE)
    renamed(objectives.OBJECTIVES, "vae", fields={"times": count})
    assert fields.described()["objective.times"].help == "count of KLs (renamed)"
    assert "objective.schedule.times" not in fields.described()
    for name, value, words in [
        ("renamed", 0, "objective.times must be a finite number above 0; got 0"),
        ("vae", (1, 2), "objective.times is not read by objective.name = ..vae"),
    ]:
        config = config_of("isotropic", name, "kl_prior_aggregate")
        config = fields.replaced(config, {"objective.times": value})
        with pytest.raises(ValueError, match=words):
            settings.validate(config)


def test_a_setting_whose_objective_does_not_read_a_static_field_is_trained_once():
    config = config_of("isotropic", "vae", "kl_prior_aggregate")
    changes = {
        "objective.name": ("vae", "hfvae"),
        "objective.groups": ((2,), (1, 1)),
    }
    _, programs = settings.validate(fields.replaced(config, changes))
    rows = settings.rows(programs)
    assert [(row["objective"], row["groups"]) for row in rows] == [
        *(("vae", ""), ("hfvae", "2"), ("hfvae", "1,1"))
    ]


def test_an_objective_with_scaled_codes_of_layers_by_their_names(renamed):
    renamed(objectives.OBJECTIVES, "entropy_regularised")
    renamed(networks.NETWORKS, "dense")
    names = ("beta_vae", "renamed")
    (sweep,) = sweeps(
        of_images(
            prior__name=("isotropic",),
            objective__name=names,
            objective__matched=True,
            model__network="renamed",
        )
    )
    assert sweep.settings.code_scale.tolist() == [1.0, 2.0]


def test_a_prior_of_principal_axes(renamed):
    renamed(priors.PRIORS, "learned")
    (sweep,) = sweeps(of_images(prior__name=("isotropic", "pca", "renamed")))
    prior = sweep.settings.prior
    assert prior.learned.tolist() == [0, 0, 1]
    flat, fixed, learned = np.asarray(prior.log_variances)
    assert not flat.any()
    np.testing.assert_array_equal(fixed, learned)
    assert fixed[0] > fixed[1]
    with pytest.raises(ValueError, match=r"at most .* for prior.name = pca or learned"):
        settings.validate(of_images(prior__name=("renamed",), model__latents=70))


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("student_t", ["kim_mnih_authors_transport", "kim_mnih_pruned_transport"]),
        ("subspaces", ["tc_between", "tc_within"]),
        ("laplace", []),
    ],
)
def test_a_prior_has_its_scores(renamed, name, columns):
    renamed(priors.PRIORS, name)
    config = of_images(prior__name=("renamed",), prior__groups=(2,))
    (sweep,) = sweeps(config)
    init, _, scores = layout.functions(sweep)
    key, setting = jax.random.key(0), jax.tree.map(lambda v: v[0], sweep.settings)
    shapes = jax.eval_shape(
        lambda points, factors: scores(
            init(key, setting).params, key, setting, points, factors
        ),
        *(jnp.asarray(sweep.scored.points), jnp.asarray(sweep.scored.factors)),
    )
    own = [n for n in shapes if n.endswith("_transport") or n.startswith("tc_")]
    assert sorted(own) == columns


def test_the_box_of_the_quadrature_is_that_of_the_prior(renamed):
    renamed(priors.PRIORS, "clusters")
    _, ((config, _, _),) = settings.validate(
        config_of("renamed", "vae", "kl_prior_aggregate")
    )
    options = priors.options(config)
    reach = priors.PRIORS[options.name].reach(options)
    assert reach == pytest.approx(1 + 6 * math.sqrt(config.prior.variance))


def test_a_network_for_points_of_the_plane(renamed):
    config = pinwheel.get_config("smoke")
    with config.unlocked():
        config.model.network = "renamed"
    renamed(networks.NETWORKS, "dense")
    settings.validate(config)
    assert isinstance(networks.make(config.model, (2,))[1], GaussianDecoder)
    renamed(networks.NETWORKS, "dense", plane_decoder=None)
    words = (
        "model.network = renamed needs images; got data.name = pinwheel of points of "
        "the plane, choices: dense"
    )
    with pytest.raises(ValueError, match=words):
        settings.validate(config)


TAIL = base.Parameter("τ", 9.0, "tail", base.ABOVE_ZERO, unread=math.inf)


@pytest.fixture
def with_a_tail(renamed):
    """A copy of the Student-t prior whose degrees of freedom are `prior.tail`."""
    renamed(
        priors.PRIORS,
        "student_t",
        fields={"tail": TAIL},
        build=lambda params, options, traced, encode: student_t(
            traced.parameters["tail"], options.latents
        ),
    )


def test_a_parameter_of_a_prior_is_swept_in_one_program(with_a_tail):
    values = (3.0, 5.0, math.inf)
    (own,) = sweeps(of_images(prior__name=("renamed",), prior__tail=values))
    (published,) = sweeps(of_images(prior__name=("student_t",), prior__df=values))
    for sweep, name in ((own, "tail"), (published, "df")):
        assert sweep.settings.prior.parameters.keys() == {name}
        assert sweep.settings.prior.parameters[name].tolist() == [*values]
    z = jnp.array([0.5, 2.0])
    for index in range(3):
        densities = []
        for sweep in (own, published):
            setting = jax.tree.map(lambda v, i=index: v[i], sweep.settings)
            p = autoencoder.prior(sweep.vae, {}, setting)
            densities.append(float(priors.log_prob(sweep.vae.prior, p)(z)))
        assert densities[0] == densities[1]


def test_a_parameter_of_a_divergence_is_swept_in_one_program(renamed):
    renamed(
        divergences.DIVERGENCES,
        "moments",
        parameters={"width": base.Parameter("w", 1.0, "width", base.POSITIVE)},
        estimate=lambda key, batch: batch.weights["width"],
    )
    config = config_of("isotropic", "alpha_beta", "renamed")
    with config.unlocked():
        config.objective.alpha, config.objective.width = (0.0, 0.5), (2.0, 3.0)
    _, (program,) = settings.validate(config)
    assert [(row["alpha"], row["width"]) for row in program.rows] == [
        *((0.0, 1.0), (0.5, 2.0), (0.5, 3.0))
    ]
    (sweep,) = sweeps(config)
    batch = Minibatch(*[None] * 4, estimator="", size=0)
    for index, value in enumerate((0.0, 2.0, 3.0)):
        setting = jax.tree.map(lambda v, i=index: v[i], sweep.settings)
        weights = autoencoder.weights(sweep.vae, setting, jnp.ones(()))
        estimate = autoencoder.model(sweep.vae).divergence(
            jax.random.key(0), batch._replace(weights=weights), setting
        )
        assert estimate == value


def test_a_setting_shows_the_parameters_that_its_prior_does_not_read(with_a_tail):
    names = ("student_t", "renamed", "laplace")
    config = of_images(prior__name=names, prior__df=(3.0,), prior__tail=(4.0, 5.0))
    _, programs = settings.validate(config)
    rows = [row for program in programs for row in program.rows]
    assert [(row["prior"], row["df"], row["tail"]) for row in rows] == [
        ("student_t", 3.0, math.inf),
        ("renamed", math.inf, 4.0),
        ("renamed", math.inf, 5.0),
        ("laplace", math.inf, math.inf),
    ]
    assert [len(program.rows) for program in programs] == [1, 2, 1]


def test_a_parameter_of_a_prior_has_its_range_help_and_readers(with_a_tail):
    for name, value, words in [
        ("renamed", (1.0, 0.0), "prior.tail must be a number above 0; got 0.0."),
        ("laplace", (1.0, 2.0), r"prior.tail is not read by prior.name = \('laplace'"),
    ]:
        with pytest.raises(ValueError, match=words):
            settings.validate(of_images(prior__name=(name,), prior__tail=value))
    field = fields.described()["prior.tail"]
    assert (field.default, field.help) == ((9.0,), "tail (renamed)")
    config = of_images(prior__name=("renamed",), figure_line="tail")
    assert settings.validate(config)[0].prior.tail == (9.0,)


def test_a_field_of_a_prior_has_programs_of_its_own(renamed):
    count = base.Field(2, "components", base.POSITIVE)
    renamed(priors.PRIORS, "mixture", fields={"count": count})
    config = of_images(prior__name=("renamed", "laplace"), prior__count=(3, 4))
    _, programs = settings.validate(config)
    pairs = [(p.config.prior.count, p.rows[0]["prior"]) for p in programs]
    assert pairs == [(3, "renamed"), (2, "laplace"), (4, "renamed")]
    assert [row["prior_count"] for p in programs for row in p.rows] == [3, 2, 4]
    with pytest.raises(ValueError, match="prior.count must be a finite number above 0"):
        settings.validate(of_images(prior__name=("renamed",), prior__count=0))


@pytest.mark.parametrize(
    ("table", "name", "field"),
    [
        (networks.NETWORKS, "dense", "model.depth"),
        (catalogue.SETS, "moons", "data.turns"),
    ],
)
def test_a_network_or_a_data_set_has_fields_of_its_own(renamed, table, name, field):
    section, last = field.split(".")
    renamed(table, name, fields={last: base.Field(1, "number", base.POSITIVE)})
    config = config_of("isotropic", "vae", "kl_prior_aggregate")
    selector = "model.network" if section == "model" else "data.name"
    config = fields.replaced(config, {selector: "renamed", field: (2, 3)})
    _, programs = settings.validate(config)
    assert [program.config[section][last] for program in programs] == [2, 3]
    assert all(program.rows[0][last] in (2, 3) for program in programs)
    config = fields.replaced(config, {selector: name})
    with pytest.raises(ValueError, match=f"{field} is not read by {selector} = {name}"):
        settings.validate(config)


def test_a_field_of_entries_of_two_kinds_is_refused(renamed):
    renamed(divergences.DIVERGENCES, "moments", parameters={"lambda": TAIL})
    words = "objective.lambda must be declared by entries of one kind; got those of "
    with pytest.raises(ValueError, match=f"{words}objective.name and of objective.div"):
        settings.validate(of_images())


def test_two_columns_of_one_name_are_refused(renamed):
    renamed(priors.PRIORS, "student_t", fields={"kappa": TAIL})
    renamed(objectives.OBJECTIVES, "beta_vae", fields={"kappa": TAIL})
    config = of_images(prior__name=("renamed",), objective__name=("renamed",))
    with pytest.raises(ValueError, match="objective.kappa would be the column kappa"):
        settings.validate(config)


@pytest.mark.parametrize(
    ("name", "field", "words"),
    [
        ("sides", 3.0, "its field sides must be a base.Parameter or base.Field; got 3"),
        ("a b", TAIL, "letters, digits and underscores only, .* got 'a b'"),
        ("epochs", TAIL, "must not be those of other fields; got 'epochs'"),
        ("df", TAIL, "its field df must have the symbol that it has elsewhere, 'ν'"),
        ("top", TAIL, "its field top must have the symbol that it has elsewhere, None"),
    ],
)
def test_a_prior_with_a_wrong_field_is_refused_when_it_is_registered(
    name, field, words
):
    entry = priors.PRIORS["laplace"]._replace(name="own", fields={name: field})
    with pytest.raises(ValueError, match=f"prior own: .*{words}"):
        priors.register(entry)
    assert "own" not in priors.PRIORS
