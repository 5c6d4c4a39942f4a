"""Combinations of objectives, divergences and priors that configs refuse or skip."""

import pytest

from experiments.config import settings
from experiments.models import priors
from tests.experiments.small_plane import config_of


def test_weights_that_an_objective_ignores_are_neutral_and_not_swept():
    config = config_of("isotropic", "vae", "kl_prior_aggregate")
    with config.unlocked():
        config.objective.name = ("vae", "beta_vae")
        config.objective.beta = (1.0, 4.0)
    rows = settings.rows(settings.validate(config)[1])
    assert [(row["objective"], row["beta"]) for row in rows] == [
        *(("vae", 1.0), ("beta_vae", 1.0), ("beta_vae", 4.0))
    ]
    assert {(row["alpha"], row["gamma"], row["divergence"]) for row in rows} == {
        (0.0, 1.0, "none")
    }


def test_a_weight_that_nothing_reads_is_not_swept():
    config = config_of("isotropic", "vae", "kl_prior_aggregate")
    with config.unlocked():
        config.objective.beta = (1.0, 4.0)
    with pytest.raises(ValueError, match="objective.beta is not read by .*'vae'"):
        settings.validate(config)


@pytest.mark.parametrize(
    ("objective", "changes", "message"),
    [
        ("vae", {"objective.samples": (2, 5)}, "samples is not read by .*'vae'"),
        ("vae", {"objective.groups": ((2,), (1, 1))}, "groups is not read by"),
        ("vae", {"objective.capacity": (2.0, 5.0)}, "capacity is not read by"),
        ("vae", {"critic.b1": (0.0, 0.5)}, "critic.b1 .*or a divergence with a critic"),
        ("vae", {"data.correlation": (0.2, 0.7)}, "without data.correlated and cannot"),
        ("iwae", {"objective.samples": (2, 5)}, ""),
        ("hfvae", {"objective.groups": ((2,), (1, 1))}, ""),
        ("capacity", {"objective.capacity": (2.0, 5.0)}, ""),
        ("factor_vae", {"critic.learning_rate": (1e-4, 1e-3)}, ""),
    ],
)
def test_a_field_that_no_setting_reads_is_not_swept(objective, changes, message):
    config = config_of("isotropic", objective, "kl_prior_aggregate")
    with config.unlocked(), config.ignore_type():
        config.update_from_flattened_dict(changes)
    if not message:
        assert len(settings.rows(settings.validate(config)[1])) == 2
        return
    with pytest.raises(ValueError, match=message):
        settings.validate(config)


@pytest.mark.parametrize(
    ("cell", "fields", "message"),
    [
        (("dip_vae_ii",), {"prior.df": (2.0,)}, "covariance, .* above 2 only; got 2"),
        (("hfvae",), {"objective.groups": ()}, "hfvae needs objective.groups"),
        (("hfvae",), {"objective.groups": (1, 2)}, "whose sum is model.latents = 2"),
        (("vae",), {"objective.divergence": ("moments",) * 2}, "is not read by"),
        (("vae",), {"objective.warm_up": 1.5}, "a share in"),
        (("vae",), {"objective.matched": True}, "matched needs model.network"),
        (
            ("vae",),
            {"objective.name": ("elbo",)},
            "objective.name must be one or more of",
        ),
        (("vae",), {"prior.spike": (1.5,)}, "prior.spike must be a number"),
        (("vae",), {"objective.schedule.beta": "cosine"}, "schedule.beta must be one"),
    ],
)
def test_a_combination_without_a_meaning_is_refused_in_one_line(cell, fields, message):
    config = config_of("student_t", *cell, "kl_prior_aggregate")
    with config.unlocked():
        for field, value in fields.items():
            *sections, name = field.split(".")
            section = config
            for part in sections:
                section = section[part]
            section[name] = value
    with pytest.raises(ValueError, match=message) as refusal:
        settings.validate(config)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("prior", "fields", "message"),
    [
        ("subspaces", {"groups": ()}, "subspaces needs prior.groups"),
        ("subspaces", {"groups": (1, 2)}, "prior.groups must be sizes whose sum"),
        ("hierarchical", {"top": 2}, "prior.top between 1 and model.latents − 1 = 1"),
    ],
)
def test_the_latents_must_fit_the_prior(prior, fields, message):
    config = config_of(prior, "vae", "kl_prior_aggregate")
    with config.unlocked():
        for name, value in fields.items():
            config.prior[name] = value
    with pytest.raises(ValueError, match=message):
        settings.validate(config)


def test_every_prior_of_a_program_is_checked_against_the_config(monkeypatch):
    config = config_of("isotropic", "vae", "kl_prior_aggregate")
    entry = priors.PRIORS["learned"]._replace(refusal=lambda config: "too many latents")
    monkeypatch.setitem(priors.PRIORS, "learned", entry)
    assert settings.validate(config)
    with config.unlocked():
        config.prior.name = ("isotropic", "learned")
    with pytest.raises(ValueError, match="too many latents"):
        settings.validate(config)


def test_hfvae_takes_subspaces_of_its_own_groups_without_splitting_them():
    config = config_of("subspaces", "hfvae", "kl_prior_aggregate")
    with config.unlocked():
        config.objective.groups = (2,)
    with pytest.raises(ValueError, match=r"with objective\.gamma = 1"):
        settings.validate(config)
    with config.unlocked():
        config.objective.gamma = (1.0,)
    assert settings.validate(config)
