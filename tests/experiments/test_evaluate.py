import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from configs import pinwheel
from decomp import priors
from decomp.distributions import bernoulli, gaussian
from decomp.distributions.bernoulli import Bernoulli
from experiments.config import settings
from experiments.data.arrays import Dataset, coordinates
from experiments.evaluation import evaluate
from experiments.models import autoencoder

SIZE, BATCH, DRAWS = 100, 32, 2_000
CENTRES = np.array([(0, -1), (0, 1), (1, 0), (-1, 0)], np.float32)
STD = 0.03**0.5


def blind(small, setting):
    """Parameters of a decoder that ignores z, so that no score is random."""
    init = jax.jit(lambda key: autoencoder.init(key, small.sweep.vae, setting))
    params = jax.tree.map(np.array, init(jax.random.key(0)))
    params["decoder"]["Dense_0"]["kernel"][:] = 0
    params["decoder"]["Dense_1"]["bias"][:] = -3
    return params


@pytest.fixture(scope="module")
def images():
    """Images of increasing brightness, so that a missing or repeated point shows."""
    rng = np.random.default_rng(1)
    bright = np.linspace(0.05, 0.95, SIZE)[:, None]
    points = rng.binomial(64, bright, (SIZE, 64)).astype(np.uint8)
    return points, rng.integers(0, 3, (SIZE, 5)).astype(np.int32)


@pytest.fixture(scope="module")
def compiled(small):
    """The scores of a run, from batches that do not fit."""
    config = small.sweep.config.copy_and_resolve_references()
    config.evaluate.batch_size = BATCH
    config.evaluate.aggregate_samples = DRAWS
    config.evaluate.metrics = ()
    return jax.jit(evaluate.make(small.sweep.vae, config))


@pytest.fixture
def evaluate_run(compiled):
    """All of these scores but those of factors, as there is one factor alone."""

    def run(params, key, setting, points, factors):
        return compiled(params, key, setting, points, factors[:, :1])

    return run


@pytest.fixture(scope="module")
def expected(small):
    """Posteriors, their KL, and log likelihoods at z = 0, without batches."""
    vae = small.sweep.vae

    @jax.jit
    def values(params, setting, points):
        x = autoencoder.data_values(vae, points)
        q = autoencoder.encode(vae, params, x)
        logits = autoencoder.decode(vae, params, jnp.zeros((SIZE, 3))).logits
        log_px = 64 * jax.vmap(bernoulli.log_prob)(Bernoulli(logits), x)
        p = priors.anisotropic(setting.prior.log_variances)
        return q, jax.vmap(lambda q: gaussian.kl(q, p))(q), log_px

    def float64(params, setting, points):
        leaves = values(params, setting, points)
        return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), leaves)

    return float64


@pytest.mark.slow
def test_every_point_counts_once_when_batches_do_not_fit(
    small, images, compiled, expected
):
    setting = jax.tree.map(lambda leaf: leaf[3], small.settings)
    params = blind(small, setting)
    scores = compiled(params, jax.random.key(5), setting, *images)
    q, kl, log_px = expected(params, setting, images[0])
    np.testing.assert_allclose(scores["reconstruction"], -np.mean(log_px), rtol=1e-5)
    np.testing.assert_allclose(scores["kl"], np.mean(kl), rtol=1e-5)
    loss = scores["reconstruction"] + float(setting.weights["beta"]) * scores["kl"]
    np.testing.assert_allclose(scores["loss"], loss, rtol=1e-6)
    log_det = 2 * np.mean(np.sum(np.log(q.scale), axis=1))
    np.testing.assert_allclose(scores["log_det"], log_det, rtol=1e-4)
    # The images differ enough that a missing one would have shown.
    assert np.ptp(log_px) / SIZE > 100 * 1e-5 * scores["reconstruction"]
    assert scores["active"] in (0, 1, 2, 3)
    assert 0 <= scores["kim_mnih_authors"] <= 1
    assert 0 <= scores["kim_mnih_pruned"] <= 1


def test_equal_posteriors_have_the_kl_of_one_of_them(
    small, images, evaluate_run, expected
):
    setting = jax.tree.map(lambda leaf: leaf[3], small.settings)
    params = blind(small, setting)
    head = params["encoder"]["Dense_1"]
    head["kernel"][:] = 0
    head["bias"][:] = [0.5, -1.0, 0.0, *np.log(np.expm1([0.3, 0.5, 0.9]))]
    scores = evaluate_run(params, jax.random.key(5), setting, *images)

    q = jax.tree.map(lambda leaf: leaf[0], expected(params, setting, images[0])[0])
    variances = np.exp(np.asarray(setting.prior.log_variances, np.float64))
    ratio = q.scale**2 / variances
    kl = np.sum((ratio + q.loc**2 / variances - 1 - np.log(ratio)) / 2)
    # log q − log p is (ε² (ratio − 1) + 2 ε scale loc/variance)/2 plus a constant.
    slope = q.scale * q.loc / variances
    error = np.sqrt(np.sum((ratio - 1) ** 2 / 2 + slope**2) / DRAWS)
    assert abs(scores["mutual_information"]) < 1e-5
    assert abs(scores["total_correlation"]) < 1e-5
    assert abs(scores["kl_aggregate_prior"] - kl) < 4 * error


def test_posteriors_far_apart_encode_the_index_and_the_rest_is_the_kl(
    small, images, evaluate_run, expected
):
    setting = jax.tree.map(lambda leaf: leaf[3], small.settings)
    params = blind(small, setting)
    head = params["encoder"]["Dense_1"]
    head["kernel"][:, :3] *= 1e3
    head["kernel"][:, 3:] = 0
    head["bias"][:] = -5
    scores = evaluate_run(params, jax.random.key(5), setting, *images)
    np.testing.assert_allclose(scores["mutual_information"], np.log(SIZE), rtol=1e-4)
    # The spread of log q(z|x) − log p(z) over draws is that of its mean over points.
    _, kl, _ = expected(params, setting, images[0])
    error = np.std(kl) / np.sqrt(DRAWS)
    assert abs(scores["kl_aggregate_prior"] - (np.mean(kl) - np.log(SIZE))) < 4 * error


@pytest.fixture(scope="module")
def plane():
    """A function that scores chosen posteriors of four points."""
    config = pinwheel.get_config("smoke")
    with config.unlocked():
        config.model.hidden = (4,)
        config.evaluate.grid_points = 160
        config.evaluate.samples_per_point = 500
    config, programs = settings.validate(config)
    data = Dataset(CENTRES, np.zeros((4, 1), int), (), coordinates)
    vae = autoencoder.make(config, settings.rows(programs), data)
    setting = autoencoder.setting_arrays(config, data, settings.rows(programs), vae)
    setting = jax.device_get(setting)
    setting = jax.tree.map(lambda leaf: leaf[6], setting)  # α = 2, β = 0
    start = jax.jit(lambda key: autoencoder.init(key, vae, setting))(jax.random.key(0))
    evaluate_run = jax.jit(evaluate.make(vae, config))
    factors = np.zeros((4, 1), np.int32)

    def run(*, spread, scale):
        """Posteriors N(spread · x, scale² I)."""
        pairs = np.float32([[1, -1, 0, 0], [0, 0, 1, -1]])
        raw = np.log(np.expm1(scale))
        encoder = {
            "Dense_0": {"kernel": pairs, "bias": np.zeros(4, np.float32)},
            "Dense_1": {
                "kernel": np.pad(spread * pairs.T, ((0, 0), (0, 2))),
                "bias": np.float32([0, 0, raw, raw]),
            },
        }
        params = start | {"encoder": encoder}
        scores = evaluate_run(params, jax.random.key(1), setting, CENTRES, factors)
        return {name: float(value) for name, value in scores.items()}

    return run


def test_an_aggregate_posterior_equal_to_the_prior_has_no_divergence(plane):
    scores = plane(spread=1.0, scale=STD)
    assert abs(scores["kl_prior_aggregate"]) < 1e-5
    np.testing.assert_allclose(scores["log_det"], 2 * np.log(0.03), rtol=1e-4)
    np.testing.assert_allclose(
        scores["loss"],
        scores["reconstruction"] + 2 * scores["kl_prior_aggregate"],
        rtol=1e-5,
    )


def test_posteriors_far_apart_encode_which_point_it_is(plane):
    scores = plane(spread=1.0, scale=0.01)
    np.testing.assert_allclose(scores["mutual_information"], np.log(4), rtol=1e-5)


def test_equal_posteriors_encode_nothing_and_miss_the_clusters(plane):
    scores = plane(spread=0.0, scale=0.7)
    assert abs(scores["mutual_information"]) < 1e-5
    # KL(p ‖ N(0, s² I)) = −H[p] + log 2πs² + E|z|²/(2s²), E|z|² = 1 + 2 · 0.03
    ticks = np.linspace(-2.2, 2.2, 1001)
    x, y = np.meshgrid(ticks, ticks)
    density = sum(
        stats.norm.pdf(x, a, STD) * stats.norm.pdf(y, b, STD) for a, b in CENTRES
    ) / len(CENTRES)
    log_density = np.log(np.maximum(density, 1e-300))
    entropy = -np.sum(density * log_density) * (ticks[1] - ticks[0]) ** 2
    expected = -entropy + np.log(2 * np.pi * 0.49) + 1.06 / (2 * 0.49)
    np.testing.assert_allclose(scores["kl_prior_aggregate"], expected, rtol=1e-4)


def test_the_columns_explain_every_score(plane, small, images):
    names = set(plane(spread=1.0, scale=STD))
    shapes = jax.eval_shape(
        evaluate.make(small.sweep.vae, small.sweep.config),
        autoencoder.init(
            jax.random.key(0),
            small.sweep.vae,
            jax.tree.map(lambda leaf: leaf[0], small.settings),
        ),
        jax.random.key(0),
        jax.tree.map(lambda leaf: leaf[0], small.settings),
        *images,
    )
    assert names | set(shapes) <= set(evaluate.COLUMNS)
