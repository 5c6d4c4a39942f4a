"""Entries registered by a config file: usable by name, refused when wrong."""

import copy
import csv
import importlib
import json
import pathlib
import re
import subprocess
import sys
from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import base, pinwheel
from decomp.distributions import gaussian
from decomp.distributions.gaussian import Gaussian
from decomp.metrics import definitions, sheet
from experiments import main
from experiments.config import command_line, fields, settings
from experiments.data import catalogue
from experiments.evaluation import metrics
from experiments.models import divergences, networks, objectives, priors
from experiments.report import about
from experiments.results import columns, labels, reading
from experiments.sweep import layout, opened
from experiments.system import paths

TABLES = (
    *(objectives.OBJECTIVES, divergences.DIVERGENCES, priors.PRIORS, catalogue.SETS),
    *(networks.NETWORKS, definitions.ENTRIES, metrics._OWN, columns.COLUMNS),
    *(columns._NAMES, labels.WORDS, labels.SYMBOLS, labels.SHOWN, labels._OWN),
)


@pytest.fixture(scope="module", autouse=True)
def your_own():
    """The module of the config; afterwards the registries are as before."""
    old_tables = [copy.copy(table) for table in TABLES]
    old_labels, lists = (
        copy.deepcopy(labels._OWN),
        (columns.OF_FACTORS, columns.OF_CODES),
    )
    old_lists = [list(names) for names in lists]
    yield importlib.import_module("configs.your_own")
    for table, old in zip(TABLES, old_tables, strict=True):
        table.clear()
        table.update(old)
    labels._OWN.update(old_labels)
    for names, old in zip(lists, old_lists, strict=True):
        names[:] = old
    sys.modules.pop("configs.your_own")


@pytest.fixture(scope="module")
def results(your_own, tmp_path_factory):
    """A trained sweep of the config, with a custom entry of each kind."""
    workdir = tmp_path_factory.mktemp("own") / "w"
    config = your_own.get_config("smoke")
    few_votes = dict.fromkeys(("votes", "train_votes", "held_out_votes"), 100)
    with config.unlocked():
        config.evaluate.update(
            few_votes | {"samples_per_vote": 20, "overlap_points": 64}
        )
        config.prior.std = (0.5, 1.0)
    main.run(*settings.validate(config), workdir)
    return workdir


def test_the_example_is_as_short_as_the_readme_says(your_own):
    readme = (paths.CLONE / "README.md").read_text(encoding="utf-8")
    (said,) = re.findall(r"does all six in (\d+) lines", readme)
    lines = pathlib.Path(your_own.__file__).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= int(said)


def test_a_sweep_of_custom_entries_writes_scores_under_their_names(results):
    with (results / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["objective"] for row in rows} == {"free_bits", "alpha_beta"}
    assert {row["divergence"] for row in rows} == {"none", "means"}
    assert {row["bits"] for row in rows} == {"0.0", "8.0"}
    assert {row["std"] for row in rows} == {"0.5", "1.0"}
    assert all(0 <= float(row["correlation"]) <= 1 for row in rows)


def test_the_custom_loss_is_trained(results):
    with (results / "scores.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["objective"] == "free_bits"]
    for row in rows:
        penalty = float(row["loss"]) - float(row["reconstruction"])
        # The mean of max(KL, bits) exceeds both. The KL of one draw may be below 0.
        assert penalty >= max(float(row["bits"]), float(row["kl"])) - 1e-4
    low, high = ([r for r in rows if r["bits"] == bits] for bits in ("0.0", "8.0"))
    for row, other_row in zip(low, high, strict=True):
        assert float(other_row["loss"]) > float(row["loss"]) + 5


def test_the_custom_prior_reads_its_parameter(results):
    sweep = opened.open_workdir(results)
    for std, vae in zip(sweep.scores["std"], sweep, strict=True):
        scale = std * 3**0.5 / np.pi
        np.testing.assert_allclose(vae.prior, np.full(3, scale), rtol=1e-6)
        keys = jax.random.split(jax.random.key(0), 5)
        z = scale * jax.vmap(lambda key: jax.random.logistic(key, (3,)))(keys)
        sampled = vae.sample(jax.random.key(0), 5)
        np.testing.assert_allclose(sampled, vae.decode(z), rtol=1e-5)


def test_figures_and_the_report_use_the_labels_of_custom_entries(results):
    stored_labels = json.loads((results / "labels.json").read_text())
    assert stored_labels["words"]["free_bits"] == "free bits"
    code = (
        "import sys; from experiments.plots import style\n"
        "from experiments.results import reading\n"
        "from experiments.system.paths import path\n"
        "reading.read(path(sys.argv[1]))\n"
        "assert 'jax' not in sys.modules\n"
        "row = {'objective': 'free_bits', 'divergence': 'means', 'bits': 8.0}\n"
        "print(style.describe(row, list(row)), style.score('correlation', per='image'))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, str(results)], capture_output=True, text=True
    )
    expected = "free bits, distance of means, bits = 8 correlation\n"
    assert process.stdout == expected, process.stderr


def test_the_report_names_the_prior_and_what_each_objective_maximises(results):
    facts = dict(about.facts(reading.read(results), {}))
    assert facts["Prior"] == "logistic"
    assert facts["Data"] == "Squares, 8×8 pixels"
    assert facts["Objective"] == (
        "free bits: E_q[log p(x|z)] − β max(KL(q(z|x) ‖ p(z)), bits) is maximised, "
        "where β = 1; α and β: E_q[log p(x|z)] − β KL(q(z|x) ‖ p(z)) − α D(q(z), p(z)) "
        "is maximised, where β = 1, α = 1, D = distance of means"
    )
    assert "objective: free bits | α and β" in facts["Settings"]


def test_the_logistic_prior_of_the_example_has_mass_one_and_the_variance_of_its_scale(
    your_own,
):
    p, z = jnp.array([0.5]), np.linspace(-30, 30, 6_001)
    log_pz = jax.vmap(lambda z: your_own.family.log_prob(p, z[None]))(jnp.asarray(z))
    mass = np.exp(np.float64(log_pz)) * 0.01
    # The variance of a logistic of scale s is π² s²/3; its mass is 1.
    np.testing.assert_allclose(mass.sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(np.sum(mass * z**2), np.pi**2 / 12, rtol=1e-5)


def plane(**changes):
    config = pinwheel.get_config("smoke")
    with config.unlocked():
        config.objective.sweep = "product"
        config.objective.beta = config.objective.alpha = (1.0,)
        for field, value in changes.items():
            section, name = field.split("__")
            config[section][name] = value
    return config


def sweep_of(config, tmp_path):
    config, programs = settings.validate(config)
    return layout.sweeps(programs, tmp_path)[0]


def flat(key, p):
    return jnp.zeros(2)


@pytest.mark.parametrize(
    ("sample", "log_prob", "words"),
    [
        (
            flat,
            lambda p, z: z,
            "must give log_prob(p, z) of one z of shape []; got [2]",
        ),
        (lambda key, p: 0.0, lambda p, z: jnp.sum(z), "must give sample(key, p)"),
        (flat, lambda p, z: p["no"], "cannot be computed"),
    ],
)
def test_a_prior_with_a_wrong_function_is_named_in_one_line(
    sample, log_prob, words, tmp_path
):
    family = SimpleNamespace(sample=sample, log_prob=log_prob)
    priors.register(priors.Prior("bad", "bad", "", family, lambda *_: jnp.ones(2)))
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        sweep_of(plane(prior__name=("bad",)), tmp_path)
    assert str(error.value).startswith("prior.name = bad ")
    assert "\n" not in str(error.value)


def test_a_prior_without_a_density_is_refused_when_it_is_registered():
    family = SimpleNamespace(sample=flat)
    with pytest.raises(
        ValueError, match="prior bad: its family must have .* without log_p"
    ):
        priors.register(priors.Prior("bad", "bad", "", family, lambda *_: None))


def test_a_prior_without_a_covariance_is_refused_by_a_divergence_of_covariances():
    family = SimpleNamespace(sample=flat, log_prob=lambda p, z: -jnp.sum(z**2))
    priors.register(priors.Prior("no_moments", "", "", family, lambda *_: None))
    config = plane(prior__name=("no_moments",), objective__divergence=("moments",))
    with pytest.raises(ValueError, match="covariance, which prior.name = no_moments"):
        settings.validate(config)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda t, w: jnp.mean(t.kl), "of a batch of 2 of shape [2]; got []"),
        (lambda t, w: w["none"], "cannot be computed: 'none'"),
    ],
)
def test_a_wrong_loss_is_named_in_one_line(value, words, tmp_path):
    objectives.register(objectives.Objective("bad", "bad", "", value))
    with pytest.raises(ValueError, match=re.escape(words)) as error:
        sweep_of(plane(objective__name=("bad",)), tmp_path)
    assert str(error.value).startswith("objective.name = bad ")


def test_a_divergence_of_another_shape_is_named_in_one_line(tmp_path):
    entry = divergences.Divergence("bad", "", "", lambda key, sample: sample.z)
    divergences.register(entry)
    words = "objective.divergence = bad .*shape"
    with pytest.raises(ValueError, match=words):
        sweep_of(plane(objective__divergence=("bad",)), tmp_path)
    kl = objectives.Objective("own_kl", "", "", lambda terms, weights: -terms.kl)
    objectives.register(kl)
    beside = {"objective__name": ("own_kl", "alpha_beta")}
    with pytest.raises(ValueError, match=words):
        sweep_of(plane(objective__divergence=("bad",), **beside), tmp_path)


class LargerEncoder(nn.Module):
    """An encoder with one latent too many."""

    @nn.compact
    def __call__(self, x):
        loc = nn.Dense(4)(x)
        return Gaussian(loc, jnp.ones_like(loc))


def test_a_network_of_another_shape_is_named_in_one_line(your_own, tmp_path):
    networks.register(
        networks.Network(
            "bad", "", "", lambda m, c: (LargerEncoder(), nn.Dense(c.outputs))
        )
    )
    config = your_own.get_config("smoke")
    with config.unlocked():
        config.model.network = "bad"
    words = "model.network = bad must give an encoder to a Gaussian of shape (2, 3)"
    with pytest.raises(ValueError, match=re.escape(words)):
        sweep_of(config, tmp_path)


def test_a_custom_metric_has_a_row_in_the_sheet(your_own):
    codes, places = np.random.default_rng(0).normal(size=(720, 3)), your_own.PLACES
    (line,) = sheet.sheet(
        jax.random.key(0), codes, places, metrics=sheet.parse("correlation")
    )
    assert line[:2] == ("correlation", "own")
    assert line.definition == your_own.meaning
    both = np.corrcoef(codes.T, places.T)[:3, 3:]
    np.testing.assert_allclose(line.value, np.abs(both).max(0).mean(), rtol=1e-4)


def test_a_metric_of_another_shape_is_named_in_one_line(your_own, tmp_path):
    metrics.register(metrics.Metric("bad", "", "", lambda c, f, s: c[0]))
    config = your_own.get_config("smoke")
    with config.unlocked():
        config.evaluate.metrics = ("bad",)
    with pytest.raises(
        ValueError, match=r"= bad must give one number of shape \[\]; got \[3\]"
    ):
        sweep_of(config, tmp_path)


@pytest.mark.parametrize(
    ("register", "entry"),
    [
        (priors.register, priors.Prior("laplace", "", "", gaussian, lambda *_: None)),
        (objectives.register, objectives.Objective("vae", "", "", lambda t, w: t.kl)),
        (
            divergences.register,
            divergences.Divergence("moments", "", "", lambda k, s: 0.0),
        ),
        (networks.register, networks.Network("dense", "", "", lambda m, c: None)),
        (catalogue.register, catalogue.DataSource("heads", "", lambda k, c: None)),
        (metrics.register, metrics.Metric("mig", "", "", lambda c, f, s: 0.0)),
    ],
)
def test_a_name_of_the_package_cannot_be_registered_again(register, entry):
    with pytest.raises(ValueError, match=f"the name {entry.name} is taken"):
        register(entry)


def test_a_weight_that_no_config_sets_is_a_field_of_the_command_line():
    kappa = base.Parameter("κ", 1.0, "weight of log p(x|z)")
    objectives.register(
        objectives.Objective(
            "tempered",
            "tempered",
            "",
            lambda terms, weights: weights["kappa"] * terms.log_px_z - terms.kl,
            {"kappa": kappa},
        )
    )
    words = ["--config=configs/pinwheel.py:smoke", "--config.objective.name=tempered"]
    words += ["--config.objective.beta=1", "--config.objective.alpha=0"]
    words += ["--config.prior.name=isotropic", "--config.objective.kappa=0.5,2"]
    config, programs = command_line.config_of(["plan", *words])
    assert config.objective.kappa == (0.5, 2.0)
    assert [row["kappa"] for row in settings.rows(programs)] == [0.5, 2.0]
    assert len(programs) == 1
    printed = command_line.usage(["main", words[0]])
    assert (
        "--config.objective.kappa=1.0\n        Weight of log p(x|z) (tempered)."
        in printed
    )


@pytest.mark.parametrize("section", ["objective", "objective.schedule", "train"])
@pytest.mark.parametrize("instead", [None, 3])
def test_a_config_without_a_section_is_refused_in_one_line(section, instead):
    config = pinwheel.get_config("smoke")
    with config.unlocked():
        if instead is None:
            parent, _, last = section.rpartition(".")
            del (config[parent] if parent else config)[last]
        else:
            fields.put(config, section, instead)
    with pytest.raises(
        ValueError, match=f"{section} must be a section with"
    ) as refusal:
        settings.validate(config)
    assert "\n" not in str(refusal.value)


def test_a_weight_keeps_its_default_and_may_not_be_named_after_a_field():
    for name, weight, words in [
        (
            "beta",
            base.Parameter("β", 2.0, ""),
            "its field beta must have the default that it has elsewhere, 1.0",
        ),
        (
            "samples",
            base.Parameter("s", 5.0, ""),
            "its field samples must have the symbol that it has elsewhere, None",
        ),
        ("steps", base.Parameter("s", 1.0, ""), "got 'steps'"),
    ]:
        entry = objectives.Objective("o", "", "", lambda t, w: t.kl, {name: weight})
        with pytest.raises(ValueError, match=words):
            objectives.register(entry)
