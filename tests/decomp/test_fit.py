import functools
import math
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import decomp
from decomp import losses, objectives, priors, runs, schedules
from decomp.distributions.gaussian import Gaussian
from decomp.networks import dense
from decomp.theory import linear_vae

SMALL = {"latents": 2, "hidden": (6,), "batch_size": 16, "steps": 6, "records": 3}
X = np.random.default_rng(0).uniform(size=(40, 3, 2)).astype(np.float32)


@functools.cache
def four_runs():
    return decomp.fit(X, beta=[1, 4], seeds=[3, 5], **SMALL)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def linear(outputs, latents, scale):
    """A VAE of linear maps with a decoder of fixed scale and without Flax."""

    def start(key, rows, width):
        kernel = 0.3 * jax.random.normal(key, (rows.shape[1], width))
        return {"kernel": kernel, "bias": jnp.zeros(width)}

    def encode(params, x):
        loc = x @ params["kernel"] + params["bias"][None]
        return Gaussian(loc, jnp.broadcast_to(jnp.exp(params["log_scale"]), loc.shape))

    def decode(params, z):
        loc = z @ params["kernel"] + params["bias"][None]
        return Gaussian(loc, jnp.full_like(loc, scale))

    def start_encoder(key, x):
        return start(key, x, latents) | {"log_scale": jnp.zeros(latents)}

    def start_decoder(key, z):
        return start(key, z, outputs)

    return (start_encoder, encode), (start_decoder, decode)


def test_a_linear_vae_reaches_the_optimum_in_closed_form():
    scale, betas = 0.5, [1.0, 4.0]
    rng = np.random.default_rng(0)
    spread = np.linalg.qr(rng.normal(size=(4, 4)))[0] * [2.0, 1.2, 0.7, 0.3]
    x = rng.normal(size=(256, 4)) @ spread.T
    encoder, decoder = linear(4, 3, scale)
    # Batches are full, so only z is noisy, and a falling rate averages that out.
    rate = optax.cosine_decay_schedule(0.03, 1500)
    vaes = decomp.fit(
        x,
        encoder=encoder,
        decoder=decoder,
        latents=3,
        likelihood="gaussian",
        optimiser=optax.adam(rate),
        beta=betas,
        batch_size=256,
        steps=1500,
    )
    mean, covariance = x.mean(axis=0), np.cov(x.T, bias=True)
    for run, beta in enumerate(betas):
        best = linear_vae.optimum(mean, covariance, scale, beta, num_latents=3)
        # The decoder W is unique up to a rotation of the latents, and WWᵀ is unique.
        w = vaes.params["decoder"]["kernel"][run].T
        exact = np.asarray(best.decoder @ best.decoder.T)
        np.testing.assert_allclose(w @ w.T, exact, atol=0.03 * np.trace(exact))
        value = objective(x, vaes[run].encode(x), w, mean, scale, beta)
        q = jax.vmap(lambda x, best=best: linear_vae.posterior(best, x))(x)
        exact_q = Gaussian(q.loc, jnp.sqrt(jnp.diagonal(q.scale_tril, 0, 1, 2) ** 2))
        optimum = objective(x, exact_q, np.asarray(best.decoder), mean, scale, beta)
        assert optimum - 0.01 < value < optimum + 1e-3  # in nats


def objective(x, q, w, bias, scale, beta):
    """The exact mean of log p(x|z) − β KL over the data."""
    loc, deviation = np.asarray(q.loc, float), np.asarray(q.scale, float)
    rest = x - loc @ w.T - bias
    square = (rest**2).sum(1) + (deviation**2 @ (w**2).sum(0))
    log_px_z = -0.5 * square / scale**2 - 4 * math.log(scale * math.sqrt(2 * math.pi))
    kl = 0.5 * (loc**2 + deviation**2 - 1 - 2 * np.log(deviation)).sum(1)
    return np.mean(log_px_z - beta * kl)


def test_runs_are_all_seeds_of_all_combinations_of_the_weights():
    vaes = four_runs()
    assert vaes.seed.tolist() == [3, 3, 5, 5]
    assert vaes.weights["beta"].tolist() == [1, 4, 1, 4]
    assert vaes.diverged.tolist() == [-1] * 4
    assert vaes.curves["step"].tolist() == [[2, 4, 6]] * 4
    subset = vaes[vaes.weights["beta"] == 4]
    assert subset.seed.tolist() == [3, 5]
    assert len(subset) == 2
    assert [int(vae.seed) for vae in vaes] == [3, 3, 5, 5]


def test_the_loss_is_the_reconstruction_and_beta_times_the_kl():
    curves, beta = four_runs().curves, four_runs().weights["beta"]
    np.testing.assert_allclose(
        curves["loss"],
        curves["reconstruction"] + beta[:, None] * curves["kl"],
        rtol=1e-5,
    )


def test_a_run_trained_alone_equals_the_run_in_a_batch():
    # Two runs are fitted, as the tests have two devices, so both fits use both devices.
    alone = decomp.fit(X, beta=4, seeds=[5, 5], **SMALL)
    assert_same(alone[0].params, four_runs()[3].params)
    assert_same(alone[0].curves, four_runs()[3].curves)
    single = decomp.fit(X, beta=4, seeds=[5], **SMALL)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
        single[0].params,
        four_runs()[3].params,
    )


def test_runs_do_not_depend_on_the_blocks_that_fit_the_memory(monkeypatch):
    one_block, blocks = four_runs(), []
    monkeypatch.setattr("decomp.runs._memory_of_host", lambda: 1)

    def lay_out(*arguments, original=runs.lay_out, **options):
        blocks.append(original(*arguments, **options).block)
        return original(*arguments, **options)

    monkeypatch.setattr("decomp.runs.lay_out", lay_out)
    small = decomp.fit(X, beta=[1, 4], seeds=[3, 5], **SMALL)
    assert_same(small.params, one_block.params)
    assert_same(small.curves, one_block.curves)
    # The last block is padded, and its copies are dropped.
    three = decomp.fit(X, beta=[1, 4, 1], seeds=[3], block=2, **SMALL)
    assert len(three) == 3
    assert_same(three[:2].params, one_block[:2].params)
    assert_same(three[2].params, one_block[0].params)
    assert blocks == [2, 2]


def test_layouts_give_the_same_runs_up_to_rounding():
    vmapped = decomp.fit(X, beta=[1, 4], seeds=[3, 5], layout="vmapped", **SMALL)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        vmapped.params,
        four_runs().params,
    )


def test_an_infinite_weight_stops_its_run_and_no_other():
    vaes = decomp.fit(X, beta=[1, np.inf], seeds=[3, 5], **SMALL)
    assert vaes.diverged.tolist() == [-1, 0, -1, 0]
    assert_same(vaes[0].params, four_runs()[0].params)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(vaes.params))
    # A mean of its curve, which is NaN or that of an untrained run, could be the best.
    assert np.isfinite(vaes.elbo).tolist() == [True, False, True, False]
    assert vaes.elbo.argmax() in (0, 2)
    assert vaes[1].elbo == -np.inf


def test_methods_of_trained_vaes_have_their_documented_shapes_and_agree():
    vaes, single = four_runs(), four_runs()[2]
    assert vaes.encode(X).scale.shape == (4, 40, 2)
    assert single.codes(X).shape == (40, 2)
    flat = single.encode(X.reshape(40, 6))
    assert_same(flat, single.encode(X))
    assert vaes.reconstruct(X).shape == (4, 40, 3, 2)
    np.testing.assert_allclose(vaes.codes(X)[2], single.codes(X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        vaes.reconstruct(X)[2], single.reconstruct(X), rtol=1e-5, atol=1e-6
    )
    path = single.traverse(X[0], 1, [-2, 0, 2])
    assert path.shape == (3, 3, 2)
    code = single.codes(X[:1]).at[:, 1].set(2)
    np.testing.assert_allclose(path[2], single.decode(code)[0], rtol=1e-6)
    assert vaes.traverse(X[0], 1, [-2, 0, 2]).shape == (4, 3, 3, 2)
    images = vaes.sample(jax.random.key(0), 5)
    assert images.shape == (4, 5, 3, 2)
    assert np.all((images > 0) & (images < 1))
    assert single.prior.scale.tolist() == [1, 1]


def test_many_rows_are_encoded_in_blocks(monkeypatch):
    single = four_runs()[0]
    whole = single.codes(X)
    monkeypatch.setattr("decomp.trained.BLOCK", 16)
    np.testing.assert_allclose(single.codes(X), whole, rtol=1e-5, atol=1e-6)


def test_a_trained_vae_passes_through_jit_and_vmap():
    codes = jax.jit(jax.vmap(lambda vae: vae.codes(X)))(four_runs())
    np.testing.assert_allclose(codes, four_runs().codes(X), rtol=1e-5, atol=1e-6)


def test_a_prior_may_be_trained():
    prior = jnp.zeros(2), priors.anisotropic
    vaes = decomp.fit(X, prior=prior, seeds=2, **SMALL | {"learning_rate": 0.1})
    assert vaes.prior.scale.shape == (2, 2)
    assert np.all(vaes.prior.scale != 1)
    np.testing.assert_allclose((vaes.prior.scale**2).sum(1), 2, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"objective": "wae_mmd", "lambda_": 10}, marks=pytest.mark.slow),
        pytest.param(
            {"objective": "beta_tcvae", "alpha": 1, "beta": [1, 6], "gamma": 1},
            marks=pytest.mark.slow,
        ),
        {"objective": lambda terms, bits: terms.log_px_z - jnp.maximum(terms.kl, bits)}
        | {"bits": 1.0},
        {"prior": priors.student_t(jnp.float32(3), 2), "likelihood": "gaussian"},
    ],
)
def test_other_objectives_priors_and_likelihoods_train(options):
    vaes = decomp.fit(X, seeds=1, **SMALL | {"steps": 2} | options)
    assert np.isfinite(vaes.curves["loss"]).all()
    assert vaes.diverged.tolist() == [-1] * len(vaes)


def test_the_divergence_has_the_weight_of_the_objective():
    fitted = decomp.fit(
        X, objective=losses.wae, divergence="moments", lambda_=3.0, **SMALL
    )
    curves = fitted.curves
    assert np.all(curves["divergence"] > 0)
    np.testing.assert_allclose(
        curves["loss"], curves["reconstruction"] + 3 * curves["divergence"], rtol=1e-5
    )


@pytest.mark.parametrize(
    "name",
    [
        # It is not a sum of terms; another test trains a critic.
        name if name == "iwae" else pytest.param(name, marks=pytest.mark.slow)
        for name in objectives.OBJECTIVES
    ],
)
def test_every_named_objective_trains(name):
    formula = objectives.OBJECTIVES[name]
    weights = {f"{n}_" if n == "lambda" else n: 2 for n in formula.weights}
    if formula.divergence == objectives.FREE:
        weights["divergence"] = "jensen_shannon"
    vaes = decomp.fit(X, objective=name, **SMALL | {"steps": 2}, **weights)
    assert np.isfinite(vaes.curves["loss"]).all()
    assert set(vaes.weights) == set(formula.weights)
    assert set(vaes.params) == {"encoder", "decoder"}


def test_records_that_do_not_divide_the_steps_give_fewer_than_twice_as_many_points():
    vaes = decomp.fit(X, **SMALL | {"steps": 5, "records": 3})
    assert vaes.curves["step"].tolist() == [[1, 2, 3, 4, 5]]


def test_a_schedule_is_a_factor_of_the_weight_at_every_step():
    options = SMALL | {"steps": 8, "records": 8}
    rise = functools.partial(schedules.linear, warm_up=0.5)
    vaes = decomp.fit(X, beta=[0, 3], schedules={"beta": rise}, **options)
    progress = np.minimum(np.arange(8) / 4, 1)
    loss, reconstruction, kl = (
        vaes.curves[name] for name in ("loss", "reconstruction", "kl")
    )
    beta = np.array([[0], [3]])
    np.testing.assert_allclose(loss, reconstruction + beta * progress * kl, rtol=1e-5)
    assert vaes.weights["beta"].tolist() == [0, 3]


def constant_critic():
    """A critic with a single parameter, its logit, which starts at 0."""

    def start(key, z):
        del key, z
        return {"logit": jnp.zeros(())}

    return start, lambda params, z: jnp.full(len(z), params["logit"])


@pytest.mark.parametrize(
    ("options", "value"),
    [
        # A logit of 0 gives −log(1 − ½), and a log ratio of 0.
        ({"objective": "wae_gan", "lambda_": 3}, math.log(2)),
        ({"objective": "factor_vae", "gamma": 3}, 0),
        ({"objective": "alpha_beta", "alpha": 3, "divergence": "jensen_shannon"}, 0),
    ],
)
def test_a_constant_critic_gives_the_divergence_of_a_logit_of_zero(options, value):
    vaes = decomp.fit(X, critic=constant_critic(), **options, **SMALL)
    # The logit stays at its optimum of 0, because both samples have the same size.
    np.testing.assert_allclose(vaes.curves["divergence"], value, atol=1e-6)
    curves = vaes.curves
    kl = 0 if options["objective"] == "wae_gan" else curves["kl"]
    rest = curves["reconstruction"] + kl
    np.testing.assert_allclose(curves["loss"], rest + 3 * value, rtol=1e-5)


def test_a_critic_learns_to_separate_distant_distributions():
    # The KL and the divergence have no weight, so q(z) stays far from the prior.
    def no_objective(terms):
        return 0 * terms.log_px_z

    def encode(params, x):
        loc = jnp.full((len(x), 2), 9.0) + 0 * params["shift"]
        return Gaussian(loc, jnp.ones_like(loc))

    encoder = (lambda key, x: {"shift": jnp.zeros(())}), encode
    vaes = decomp.fit(
        X,
        encoder=encoder,
        objective=no_objective,
        divergence="jensen_shannon",
        critic_optimiser=optax.adam(0.03),
        **SMALL | {"steps": 200},
    )
    divergence = vaes.curves["divergence"][0]
    assert divergence[-1] == pytest.approx(math.log(2), abs=0.02)


def test_a_saved_vae_is_the_same_in_a_fresh_process(tmp_path):
    four_runs().save(tmp_path / "vaes.npz")
    np.save(tmp_path / "x.npy", X)
    code = (
        "import decomp, numpy as np, sys\n"
        "vaes = decomp.load(sys.argv[1] + '/vaes.npz')\n"
        "assert vaes.weights['beta'].tolist() == [1, 4, 1, 4], vaes.weights\n"
        "x = np.load(sys.argv[1] + '/x.npy')\n"
        "np.save(sys.argv[1] + '/codes.npy', vaes.codes(x))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    codes = np.load(tmp_path / "codes.npy")
    np.testing.assert_allclose(codes, four_runs().codes(X), rtol=1e-5, atol=1e-6)
    loaded = decomp.load(tmp_path / "vaes.npz")
    assert_same(loaded.params, four_runs().params)
    assert_same(loaded.curves, four_runs().curves)
    assert loaded.encoder == four_runs().encoder


def test_a_file_of_other_networks_is_loaded_only_with_them(tmp_path):
    encoder, decoder = linear(6, 2, 0.5)
    options = SMALL | {"likelihood": "gaussian", "steps": 1}
    vaes = decomp.fit(X, encoder=encoder, decoder=decoder, **options)
    path = tmp_path / "linear.npz"
    vaes.save(path)
    with pytest.raises(ValueError, match=r"its encoder.*load\(path, encoder=\.\.\.\)"):
        decomp.load(path)
    loaded = decomp.load(path, encoder=encoder, decoder=decoder)
    assert_same(loaded.codes(X), vaes.codes(X))
    other = dense.DenseEncoder(2, (6,))
    with pytest.raises(ValueError, match="parameters of another encoder"):
        decomp.load(path, encoder=other, decoder=decoder)


@pytest.mark.parametrize("name", ["damaged.npz", "array.npy", "arrays.npz"])
def test_a_file_that_is_not_a_saved_vae_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"PK\x03\x04 and no more")
    if name == "array.npy":
        np.save(path, np.zeros(3))
    if name == "arrays.npz":
        np.savez(path, a=np.zeros(3))
    with pytest.raises(ValueError, match=f"{name} is not a file of TrainedVAE.save"):
        decomp.load(path)


@pytest.mark.parametrize(
    "index", [4, -5, "a", 1.5, np.ones(3, bool), [0, 9], True, None, [[0, 1]]]
)
def test_runs_that_do_not_exist_are_refused_in_one_line(index):
    with pytest.raises(IndexError, match="the index of (a run|runs) must be") as error:
        four_runs()[index]
    assert "\n" not in str(error.value)


def test_an_objective_may_be_any_callable_and_start_from_whole_numbers():
    whole = functools.partial(losses.beta_vae, beta=4.0)
    start = (np.zeros(2, int), priors.anisotropic)
    ours = decomp.fit(X, objective=whole, prior=start, **SMALL)
    start = (np.zeros(2, np.float32), priors.anisotropic)
    named = decomp.fit(X, beta=4.0, prior=start, **SMALL)
    np.testing.assert_array_equal(ours.curves["loss"], named.curves["loss"])


def test_subspaces_are_a_prior_for_their_own_groups():
    options = {"objective": "hfvae", "alpha": 1, "gamma": 1, "groups": (1, 1)}
    prior = priors.subspaces((1, 1), df=4.0)
    assert (decomp.fit(X, prior=prior, **options, **SMALL).diverged < 0).all()


def test_methods_refuse_other_shapes_in_one_line():
    vaes = four_runs()
    with pytest.raises(ValueError, match=r"x must have the shape \[N, 3, 2\], N ≥ 1"):
        vaes.encode(X[:, :2])
    with pytest.raises(ValueError, match=r"z must have the shape \[N, 2\]"):
        vaes.decode(np.zeros((3, 4)))
    for latent in (2, 1.0, True):
        with pytest.raises(ValueError, match=f"from 0 to 1; got {latent}"):
            vaes.traverse(X[0], latent, [0])
    with pytest.raises(IndexError, match="from 0 to 3; got 4"):
        vaes[4]


def test_the_layout_of_runs_depends_on_the_backend_unless_it_is_given():
    assert not runs.is_vmapped("auto", "cpu")
    assert runs.is_vmapped("auto", "gpu")
    assert runs.is_vmapped("vmapped", "cpu")
    assert not runs.is_vmapped("mapped", "gpu")


def test_importing_decomp_does_not_load_jax_until_fit_is_used():
    code = "import decomp, sys; assert 'jax' not in sys.modules; decomp.fit"
    subprocess.run([sys.executable, "-c", code], check=True)
