"""Every cell of the table of objectives, divergences and priors."""

import csv
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp import model
from experiments import main
from experiments.config import settings
from experiments.data.arrays import Dataset, coordinates
from experiments.models import autoencoder, divergences, objectives, priors
from experiments.system import registry
from tests.experiments.small_plane import POINTS, config_of, validate

FACTORISED = ("isotropic", "student_t", "laplace", "spike_slab")
JOINT = ("full_covariance", "clusters", "mixture", "subspaces", "hierarchical", "vamp")
# These need a prior that factorises; all others accept any prior.
OBJECTIVES_OF_FACTORISED = {"beta_tcvae", "hfvae", "factor_vae"}
DIVERGENCES_OF_FACTORISED = {"mmd_rbf_dims", "mmd_imq_dims"}
OBJECTIVES = [name for name in objectives.OBJECTIVES if name != "iwae"]
CELLS = [
    *((name, "kl_prior_aggregate") for name in OBJECTIVES),
    *(("alpha_beta", name) for name in divergences.names()[1:]),
]


@functools.cache
def data():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(POINTS, 2)).astype(np.float32)
    return Dataset(points, np.zeros((POINTS, 1), np.uint8), (), coordinates)


@pytest.mark.parametrize("prior", [*FACTORISED, *JOINT])
def test_a_cell_is_accepted_or_refused_with_a_reason(prior):
    for name, divergence in [*CELLS, ("iwae", "kl_prior_aggregate")]:
        outcome = validate(prior, name, divergence)
        needs = name in OBJECTIVES_OF_FACTORISED
        needs |= divergence in DIVERGENCES_OF_FACTORISED
        if prior in JOINT and needs:
            assert "needs a prior that factorises over latents" in outcome
            assert f"got {prior}" in outcome
            assert "\n" not in outcome
        else:
            assert not isinstance(outcome, str), outcome


# With one point there is no covariance, no kernel of pairs and no permutation.
OF_ONE_POINT = (
    *("vae", "beta_vae", "entropy_regularised", "capacity", "wae_gan", "iwae"),
    "jensen_shannon",
)


@pytest.mark.parametrize("field", ["train", "evaluate"])
def test_a_batch_of_one_is_refused_where_points_are_compared(field):
    for name, divergence in [*CELLS, ("iwae", "kl_prior_aggregate")]:
        config = config_of("isotropic", name, divergence)
        with config.unlocked():
            config[field].batch_size = 1
        free = name in ("alpha_beta", "info_vae")
        if (divergence if free else name) in OF_ONE_POINT:
            settings.validate(config)
            continue
        with pytest.raises(
            ValueError, match=rf"{field}\.batch_size must be at least 2"
        ):
            settings.validate(config)


def test_a_batch_of_one_is_accepted_if_no_divergence_has_a_weight():
    config = config_of("isotropic", "alpha_beta", "moments")
    with config.unlocked():
        config.objective.alpha = (0.0,)
        config.train.batch_size = 1
    settings.validate(config)


@pytest.mark.parametrize(
    ("prior", "cells"),
    [
        ("isotropic", CELLS[::4]),
        *(
            pytest.param(prior, CELLS, marks=pytest.mark.slow)
            for prior in (*FACTORISED, *JOINT)
        ),
    ],
)
def test_every_accepted_cell_has_a_loss_and_a_gradient(prior, cells):
    """One program per prior: objectives and divergences are traced, as in a sweep."""
    valid = [validate(prior, *cell) for cell in cells]
    valid = [outcome for outcome in valid if not isinstance(outcome, str)]
    rows = [row for _, programs in valid for row in settings.rows(programs)]
    config, _ = valid[-1]
    vae = autoencoder.make(config, rows, data())
    table = autoencoder.setting_arrays(config, data(), rows, vae)
    first = jax.tree.map(lambda leaf: leaf[0], table)
    assert vae.critic is not None  # the last cell is adversarial
    init = jax.jit(lambda key: autoencoder.init(key, vae, first))
    params = init(jax.random.key(0))
    vae_model, points = autoencoder.model(vae), jnp.asarray(data().points)
    x, others = points[: POINTS // 2], points[POINTS // 2 :]

    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def loss_and_gradient(setting):
        return jax.value_and_grad(model.loss, has_aux=True)(
            params, jax.random.key(1), vae_model, setting, jnp.ones(()), x, others
        )

    for index, row in enumerate(rows):
        setting = jax.tree.map(lambda leaf, i=index: leaf[i], table)
        (value, measures), gradient = jax.device_get(loss_and_gradient(setting))
        assert np.isfinite(value), row
        assert np.all(np.isfinite(measures)), row
        norms = {
            part: sum(np.abs(leaf).sum() for leaf in jax.tree.leaves(leaves))
            for part, leaves in gradient.items()
        }
        assert all(math.isfinite(norm) for norm in norms.values()), row
        assert norms["encoder"] > 0, row
        assert norms["decoder"] > 0, row
        if "prior" in norms and row["objective"] not in ("dip_vae_i", "wae_gan"):
            is_isotropic = prior == "isotropic"  # its gradient is stopped
            assert (norms["prior"] > 0) != is_isotropic, row


def critic_vae(divergence):
    config, programs = settings.validate(config_of("isotropic", *divergence))
    vae = autoencoder.make(config, settings.rows(programs), data())
    rows = settings.rows(programs)
    table = autoencoder.setting_arrays(config, data(), rows, vae)
    setting = jax.tree.map(lambda leaf: leaf[0], table)
    init = jax.jit(lambda key: autoencoder.init(key, vae, setting))
    return vae, setting, init(jax.random.key(0))


@pytest.mark.parametrize(
    "cell",
    [
        ("factor_vae", "kl_prior_aggregate"),
        ("wae_gan", "kl_prior_aggregate"),
        ("alpha_beta", "jensen_shannon"),
    ],
)
def test_the_loss_of_the_critic_moves_the_critic_and_the_objective_the_rest(cell):
    vae, setting, params = critic_vae(cell)
    vae_model, points = autoencoder.model(vae), jnp.asarray(data().points)
    x, others = points[:12], points[12:]

    def critic(params):
        key = jax.random.key(2)
        return model.critic_loss(key, vae_model, params, setting, x, others)

    def rest(params):
        key, weights = jax.random.key(2), setting.weights
        values, _ = model.value(key, vae_model, params, setting, x, weights)
        return jnp.mean(values)

    for loss, is_moved in ((critic, lambda part: part == "critic"), (rest, None)):
        gradient = jax.device_get(jax.jit(jax.grad(loss))(params))
        for part, leaves in gradient.items():
            total = sum(np.abs(leaf).sum() for leaf in jax.tree.leaves(leaves))
            expected = is_moved(part) if is_moved else part in ("encoder", "decoder")
            assert (total > 0) == expected, (part, total)


def test_every_objective_divergence_and_prior_is_in_the_table():
    divergences_of_cells = {divergence for _, divergence in CELLS}
    published_objectives = registry.published(objectives.OBJECTIVES)
    fixed_divergences = {
        objectives.OBJECTIVES[name].divergence for name in published_objectives
    } - {objectives.FREE}
    published = registry.published(divergences.DIVERGENCES)
    assert divergences_of_cells == set(divergences.names()) & published
    assert {*FACTORISED, *JOINT, "pca", "learned"} == registry.published(priors.PRIORS)
    assert published == divergences_of_cells | fixed_divergences


@pytest.mark.slow
def test_all_objectives_train_side_by_side_in_one_sweep(tmp_path):
    config = config_of("isotropic", "vae", "kl_prior_aggregate")
    with config.unlocked():
        config.seeds = 1
        config.objective.name = tuple(OBJECTIVES)
        config.objective.divergence = ("mmd_imq", "jensen_shannon")
        config.objective.schedule.beta = "cyclic"
        config.evaluate.samples_per_point = 2
        config.figures = ()
    main.run(*settings.validate(config), tmp_path)
    with (tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    pairs = [(row["objective"], row["divergence"]) for row in rows]
    free = [n for n in OBJECTIVES if objectives.OBJECTIVES[n].divergence == "free"]
    assert len(set(pairs)) == len(pairs) == len(OBJECTIVES) + len(free)
    assert {row["status"] for row in rows} == {"ok"}
    losses = [float(row["loss"]) for row in rows]
    assert len(set(losses)) == len(losses)


@pytest.mark.slow
def test_the_iwae_trains_in_its_own_sweep(tmp_path):
    config = config_of("student_t", "iwae", "kl_prior_aggregate")
    with config.unlocked():
        config.seeds = 1
        config.evaluate.samples_per_point = 2
        config.figures = ()
    main.run(*settings.validate(config), tmp_path)
    with (tmp_path / "scores.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["status"] == "ok"
    # The bound of five samples exceeds that of one by more than their errors.
    assert float(row["loss"]) < float(row["reconstruction"]) + float(row["kl"])
