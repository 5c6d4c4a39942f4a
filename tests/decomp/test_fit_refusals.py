import functools

import numpy as np
import optax
import pytest

import decomp
from decomp import losses, priors
from decomp.networks import dense

SMALL = {"latents": 2, "hidden": (6,), "batch_size": 16, "steps": 6, "records": 3}
X = np.random.default_rng(0).uniform(size=(40, 3, 2)).astype(np.float32)
NAN = X.copy()
NAN[3, 0, 0] = np.nan


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (X[:, 0, 0], {}, r"data must have the shape \[N, \.\.\.\]"),
        (NAN, {}, "data must be finite; 1 of 40"),
        (X * 16, {}, r"data must lie in \[0, 1\] .* got values"),
        (X, {"batch_size": 41}, "batch_size must be from 1 to 40"),
        (
            X,
            {"objective": "beta-vae"},
            "unknown objective 'beta-vae'; choices: vae, beta_vae",
        ),
        (X, {"divergence": "mmd"}, "unknown divergence 'mmd'; choices: kl_prior"),
        (X, {"likelihood": "normal"}, "unknown likelihood 'normal'; choices"),
        (X, {"seeds": []}, "seeds must be"),
        (X, {"seeds": 0}, "seeds must be"),
        (X, {"seeds": 1.5}, "seeds must be"),
        (X, {"seeds": [2**31]}, "seeds must be .* from 0 to 2³¹ − 1"),
        (X, {"learning_rate": -1e-3}, "learning_rate must be positive"),
        (X, {"learning_rate": "1e-3"}, "learning_rate must be .* got '1e-3'"),
        (X, {"optimiser": "adam"}, "optimiser must be an optimiser of optax"),
        (X, {"batch_size": 1.5}, "batch_size must be from 1 to 40, .* got 1.5"),
        (X, {"latents": 0}, "latents must be a whole number of at least 1; got 0"),
        (X, {"objective": "iwae", "samples": 0}, "samples must be a whole number"),
        (X, {"records": 2.5}, "records must be a whole number of at least 1; got 2.5"),
        (X, {"block": -1}, "block must be a whole number of at least 0; got -1"),
        (X, {"hidden": 64}, r"hidden must be the units of each layer, .* got 64"),
        (X, {"hidden": (64, 0)}, r"hidden must be .* got \(64, 0\)"),
        (X, {"steps": 0}, "training must take at least one step"),
        (X, {"steps": 1.5}, "steps must be a whole number; got 1.5"),
        (X, {"steps": None, "epochs": "2"}, "epochs must be a finite number; got '2'"),
        (X, {"steps": 3, "epochs": 1}, "only one of steps and epochs"),
        (X, {"gamma": 2}, "beta_vae has the weights beta; got gamma"),
        (
            X,
            {"objective": "capacity", "gamma": 2},
            "capacity needs the weights capacity; got gamma",
        ),
        (X, {"beta": []}, "beta must be a number or a sequence"),
        (X, {"beta": "high"}, "beta must be a number or a sequence .* got 'high'"),
        (X, {"encoder": 3}, "encoder must be a module of flax.linen or .* got a int"),
        (X, {"encoder": dense.DenseEncoder}, "encoder must be .*; got DenseEncoder"),
        (np.ma.masked_array(X, X > 0.5), {}, "data must be .*; got a masked array"),
        (X + 1j, {}, "data must be an array of real numbers .* got complex"),
        (X.astype(str), {}, "data must be an array of real numbers"),
        (X, {"objective": lambda: 1}, "a function of losses.Terms and of its weights"),
        (X, {"objective": lambda t, **w: t.kl}, "a function of losses.Terms and"),
        (X, {"objective": 3}, "objective must be a function or one of vae, .* got 3"),
        (
            X,
            {"objective": lambda t, samples=2: samples * t.kl},
            "must not have the name of an option of fit; got samples",
        ),
        (
            X,
            {"objective": lambda t, alpha: t.kl + alpha * t.divergence, "alpha": 1},
            "reads terms.divergence and needs a divergence: .* got none",
        ),
        (
            X,
            {"objective": functools.partial(losses.alpha_beta, beta=1), "alpha": 0},
            "partial reads terms.divergence and needs a divergence",
        ),
        *(
            (
                X,
                {"objective": objective, "prior": priors.clusters(), **weights},
                "which needs a prior that factorises over latents; got a Mixture",
            )
            for objective, weights in (
                ("beta_tcvae", {"alpha": 1, "gamma": 1}),
                (losses.beta_tcvae, {"alpha": 1, "gamma": 1}),
                ("hfvae", {"alpha": 1, "gamma": 1}),
                ("factor_vae", {"gamma": 1}),
                ("alpha_beta", {"alpha": 1, "divergence": "mmd_imq_dims"}),
            )
        ),
        (
            X,
            {"objective": "hfvae", "alpha": 1, "gamma": [1, 2], "groups": (1, 1)}
            | {"prior": priors.subspaces((1, 1), df=4.0)},
            "factorises over latents; got a Subspaces",
        ),
        (
            X,
            {"objective": "alpha_beta", "divergence": "moments", "alpha": 1}
            | {"prior": priors.student_t(np.float32(2), 2)},
            "covariance, which a Student-t has for ν > 2",
        ),
        (
            X,
            {"objective": "factor_vae", "gamma": 1, "batch_size": 1},
            "batch_size must be at least 2, as the objective factor_vae compares",
        ),
        (X, {"prior": (priors.anisotropic, np.zeros(2))}, "a trained prior must be a"),
        (X, {"optimiser": optax.lbfgs()}, "an update of the optimiser cannot be"),
        (
            X,
            {"objective": "alpha_beta", "alpha": 1}
            | {"divergence": lambda key, batch: batch.z[:, 0]},
            r"divergence must give D.* of shape \[\]; got \[16\]",
        ),
        (X, {"objective": losses.wae, "lambda_": 1}, "wae needs a divergence"),
        (
            X,
            {"objective": "info_vae", "alpha": 0},
            "info_vae needs the weights lambda; got alpha",
        ),
        (
            X,
            {"objective": "factor_vae", "gamma": 1, "divergence": "moments"},
            "factor_vae has its own divergence, total_correlation, and takes no other",
        ),
        (X, {"critic": dense.BernoulliDecoder(1, (4,))}, "critic is only for the d"),
        (
            X,
            {"objective": "wae_gan", "lambda_": 1}
            | {"critic": dense.BernoulliDecoder(1, (4,))},
            r"critic must give logits of shape \[16\]; got \[16, 1\]",
        ),
        (
            X,
            {"schedules": {"gamma": "linear"}},
            "weights of the objective, beta; got gamma",
        ),
        (X, {"schedules": {"beta": "cosine"}}, "unknown schedule 'cosine'; choices"),
        (X, {"encoder": dense.DenseEncoder(3, (4,))}, r"encoder must give .*\[16, 2\]"),
        (
            X,
            {"decoder": dense.BernoulliDecoder(5, (4,))},
            r"decoder must give .*\[16, 6",
        ),
        (X, {"prior": priors.isotropic(3)}, r"prior must give a distribution of shape"),
        (
            X,
            {"decoder": dense.GaussianDecoder(6, (4,))},
            "got Gaussian for 'bernoulli'",
        ),
        (
            X,
            {"objective": lambda t: t.kl.sum()},
            r"a value for each .*\[16\]; got \[\]",
        ),
    ],
)
def test_bad_arguments_are_refused_in_one_line(data, options, message):
    with pytest.raises(ValueError, match=message) as error:
        decomp.fit(data, **SMALL | options)
    assert "\n" not in str(error.value)
