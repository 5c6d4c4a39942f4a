"""A copy of an entry under another name behaves like the entry: no name decides."""

import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import pinwheel, shapes_anisotropic
from decomp.networks.dense import GaussianDecoder
from experiments.config import settings
from experiments.models import autoencoder, networks, objectives, priors
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
            section, field = name.split("__")
            config[section][field] = value
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
    assert {name: float(v[0]) for name, v in sweep.settings.weights.items()} == {
        "gamma": 3.0,
        "capacity": 25.0,
    }


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
    found = jax.eval_shape(
        lambda points, factors: scores(
            init(key, setting).params, key, setting, points, factors
        ),
        *(jnp.asarray(sweep.scored.points), jnp.asarray(sweep.scored.factors)),
    )
    own = [n for n in found if n.endswith("_transport") or n.startswith("tc_")]
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
