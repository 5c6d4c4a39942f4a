import jax
import jax.numpy as jnp
import numpy as np

from configs import entropy_equivalence
from experiments.config import settings
from experiments.data.arrays import Dataset, shares
from experiments.models import autoencoder
from experiments.sweep import layout
from experiments.sweep.layout import Sweep
from experiments.training import corollary_2_start

BETA = 4.0


def sweep(tmp_path, *, matched):
    """A β-VAE and an entropy-regularised VAE on random 8×8 images."""
    config = entropy_equivalence.get_config("laptop,smoke")
    with config.unlocked():
        config.data.side = 8
        config.model.hidden = (6,)
        config.model.latents = 3
        config.objective.beta = (BETA,)
        config.objective.matched = matched
    config, programs = settings.validate(config)
    rng = np.random.default_rng(0)
    points = rng.integers(0, 65, (48, 64), np.uint8)
    factors = rng.integers(0, 3, (48, 5), np.uint8)
    data = Dataset(points, factors, (8, 8, 1), shares(64), 64)
    vae = autoencoder.make(config, settings.rows(programs), data)
    table = autoencoder.setting_arrays(config, data, settings.rows(programs), vae)
    return Sweep(config, vae, table, 30, data, data, tmp_path)


def trained(work):
    """Posteriors `[2, B, D]` and log likelihoods of a batch after 30 steps."""
    init, advance, _ = layout.functions(work)
    points = jnp.asarray(work.data.points)
    x = autoencoder.data_values(work.vae, points)

    @jax.jit
    def run(setting):
        key = jax.random.key(1)
        state = advance(init(key, setting), key, setting, points, jnp.int32(30))
        q = autoencoder.encode(work.vae, state.params, x)
        z = q.loc + 0.5 * q.scale
        return q, autoencoder.log_px_z(work.vae, state.params, x, z)

    settings_of_runs = [
        jax.tree.map(lambda leaf, i=i: leaf[i], work.settings) for i in (0, 1)
    ]
    return [run(setting) for setting in settings_of_runs]


def test_matched_runs_have_one_likelihood_and_codes_scaled_by_the_root_of_beta(
    tmp_path,
):
    (plain, likelihood), (entropy, other) = trained(sweep(tmp_path, matched=True))
    root = np.sqrt(BETA)
    np.testing.assert_allclose(other, likelihood, rtol=1e-3)
    np.testing.assert_allclose(entropy.scale, root * plain.scale, rtol=1e-3)
    np.testing.assert_allclose(entropy.loc, root * plain.loc, rtol=0.02, atol=1e-3)


def test_runs_that_are_not_matched_differ_in_another_ratio(tmp_path):
    (plain, _), (entropy, _) = trained(sweep(tmp_path, matched=False))
    ratio = np.asarray(entropy.scale / plain.scale)
    assert np.all(np.abs(ratio - np.sqrt(BETA)) > 0.1)


def test_a_start_scales_means_and_deviations_and_the_decoder_undoes_it():
    rng = np.random.default_rng(0)
    params = {
        "encoder": {
            "Dense_0": {"kernel": rng.normal(size=(5, 4)), "bias": rng.normal(size=4)},
            "Dense_1": {"kernel": rng.normal(size=(4, 6)), "bias": rng.normal(size=6)},
        },
        "decoder": {"Dense_0": {"kernel": rng.normal(size=(3, 4)), "bias": np.ones(4)}},
        "prior": {"log_variances": np.zeros(3)},
    }
    start = corollary_2_start.start(params, jnp.asarray(2.0), latents=3)
    hidden = rng.normal(size=(7, 4)).astype(np.float32)
    head, scaled = params["encoder"]["Dense_1"], start["encoder"]["Dense_1"]
    before = hidden @ head["kernel"] + head["bias"]
    after = hidden @ np.asarray(scaled["kernel"]) + np.asarray(scaled["bias"])
    np.testing.assert_allclose(after[:, :3], 2 * before[:, :3], rtol=1e-4)
    # The raw outputs are log-variances.
    np.testing.assert_allclose(
        after[:, 3:], before[:, 3:] + 2 * np.log(2), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        start["decoder"]["Dense_0"]["kernel"],
        params["decoder"]["Dense_0"]["kernel"] / 2,
        rtol=1e-6,
    )
    assert start["encoder"]["Dense_0"] is params["encoder"]["Dense_0"]
    assert start["prior"] is params["prior"]
