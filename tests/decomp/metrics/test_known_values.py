"""The metrics on representations whose score is known by hand.

The factors a, b, c are −1, 0 or 1. Three more factors, which no metric gets, are
noise that is exactly independent of a, b, c. Random and fitted metrics have the same
cases in test_kim_mnih, test_higgins, test_dci, test_sap.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import (
    active_units,
    dcimig,
    discrete,
    edi,
    hoyer,
    infoe,
    infomec,
    irs,
    jemmig,
    kim_mnih,
    mig,
    mig_sup,
    modularity,
    rmig,
    sap,
    udr,
    unsupervised,
)
from tests.decomp.metrics import cases

FACTORS = cases.grid(3, 3, 3, 3, 3, 3)
A, B, C, *NOISE = np.float32(FACTORS.T - 1)
ONE = np.full_like(A, 0.3)
ROOT = np.float32(np.sqrt(2))
CASES = {
    "permuted, scaled and flipped": (-3 * C, A / 2, 8 * B),
    "c missing": (A, B, ONE),
    "a and b in one dimension": (A + B, C, ONE),
    "a and b rotated by 45°": ((A + B) / ROOT, (A - B) / ROOT, C),
    "noise": NOISE,
    "collapsed": (ONE, ONE, ONE),
}
CASES = {name: np.stack(columns, axis=1) for name, columns in CASES.items()}
CLASSES, NUMBERS = FACTORS[:, :3], np.stack([A, B, C], axis=1)
SIZES = (5, 5, 5)  # the test of continuous factors has five classes


@jax.jit
def jitted(z, y):
    """The metrics of codes and classes that can be jitted, compiled together."""
    info, alone = infomec.score(z, y, sizes=SIZES), unsupervised.score(z)
    shares = edi.score(z, y, sizes=SIZES)
    runs = jnp.stack([z, y.astype(z.dtype)])
    return {
        "mig": mig.score(z, y, sizes=SIZES).score,
        "mig-sup": mig_sup.score(z, y, sizes=SIZES).score,
        "dcimig": dcimig.score(z, y, sizes=SIZES).score,
        "jemmig": jemmig.score(z, y, sizes=SIZES).score,
        "edi modularity": shares.score,
        "edi compactness": shares.compactness,
        "edi explicitness": shares.explicitness,
        "modularity": modularity.score(z, y, sizes=SIZES).score,
        "infom": info.score,
        "infoc": info.compactness,
        "irs": irs.score(z, y).score,
        "kim_mnih, enumerated": kim_mnih.enumerated(z, y, sizes=SIZES).score,
        "hoyer": hoyer.score(z).score,
        "active units": active_units.score(z).score,
        "gaussian total correlation": alone.score,
        "wasserstein correlation": alone.wasserstein,
        "pairwise information": alone.mutual_information,
        "udr with the factors": udr.score(runs, preset="spearman").score[0],
    }


def on_the_host(z, y, numbers):
    """The other exact metrics."""
    return {
        "explicitness": explicitness(z, y, z, y).score,
        "sap, r_squared": r_squared(z, numbers).score,
        "infoe, r²": of_numbers(z, numbers).score,
    }


@jax.jit
def exact_mig(z, y):
    q, few = Gaussian(z, jnp.full_like(z, 1e-3)), {"num_samples": 400, "block": 100}
    return mig.exact(jax.random.key(0), q, y, sizes=SIZES, **few)


r_squared = jax.jit(sap.r_squared)
explicitness = jax.jit(functools.partial(modularity.explicitness, sizes=(3, 3, 3)))
of_numbers = jax.jit(
    functools.partial(infoe.score, sizes=(3, 3, 3), continuous=(0, 1, 2))
)


@functools.cache
def scores(name):
    """All exact metrics of a case."""
    return jitted(CASES[name], CLASSES) | on_the_host(CASES[name], CLASSES, NUMBERS)


def _sparsity(*y):
    """Hoyer's sparsity of the entries."""
    norms = np.sum(np.abs(y)) / np.sqrt(np.sum(np.square(y)))
    return (np.sqrt(len(y)) - norms) / (np.sqrt(len(y)) - 1)


# a + b is −2 … 2 at 1, 2, 3, 2, 1 of 9 points.
SHARES = np.array([1, 2, 3, 2, 1]) / 9
BOTH = -np.sum(SHARES * np.log(SHARES)) - np.log(3)  # I(a + b; a)
PART = BOTH / np.log(3)
RHO = 13 / 9 / np.sqrt(2 / 3 * 57 / 9)  # Spearman's correlation of a + b and a
# The area under the curve is this for a = ±1, given a + b, and 1/2 for a = 0.
AREA = (2 * (7 / 9 + 17 / 18) / 2 + 1 / 2) / 3
# Of 27 points, 6 have one entry, 12 two equal entries and 8 three.
LATTICE = (6 + 12 * _sparsity(1, 1, 0)) / 27
ROTATED = (4 * _sparsity(1, 1, 0) + 4 + 2 * 1) / 27  # c = 0; a = b = 0
ROTATED += 8 * (_sparsity(1, 1, ROOT) + _sparsity(ROOT, 0, 1)) / 27


def joint(log_bins):
    """JEMMIG of the cases: 1 − (H(z*, v) − I(z*; v) + I(z°; v))/(log 3 + log bins).

    H(z*, v) − I(z*; v) is 0 for the latent v, H(a + b) + log 3 − 2 I for a + b, log 9
    for noise, and log 3 for a constant; ties go to the first latent.
    """
    most = log_bins + np.log(3)
    return [
        1,
        1 - np.log(9) / most / 3,
        1 - 2 / 3 * (np.log(9) - BOTH) / most,
        1 - 2 / 3 * np.log(9) / most,
        1 - np.log(9) / most,
        log_bins / most,
    ]


KNOWN = {  # in the order of CASES
    "mig": [1, 2 / 3, (2 * PART + 1) / 3, 1 / 3, 0, 0],
    # Two factors of one latent have no gap; in the rotation, two latents have none.
    "mig-sup": [1, 2 / 3, 1 / 3, 1 / 3, 0, 0],
    "dcimig": [1, 2 / 3, 1 / 3, 1 / 3, 0, 0],
    "jemmig": joint(np.log(10)),
    # The exclusivity of two equal shares among three is 1 − √(1/2).
    "edi modularity": [1, 2 / 3, (2 - 1 / ROOT) / 3, (3 - ROOT) / 3, 0, 0],
    "edi compactness": [1, 2 / 3, 1, (3 - ROOT) / 3, 0, 0],
    "edi explicitness": [1, 2 / 3, (2 * PART + 1) / 3, (2 * PART + 1) / 3, 0, 0],
    "modularity": [1, 2 / 3, 1 / 2, 2 / 3, 0, 0],  # a constant dimension counts as 0
    "infom": [1, 1, 5 / 8, 1 / 2, 0, 0],
    "infoc": [1, 2 / 3, 1, 1 / 2, 0, 0],
    "irs": [1, 1, 2 / 3, (ROOT + 1) / (2 * ROOT + 1), 0, 0],
    "kim_mnih, enumerated": [1, 2 / 3, 2 / 3, 2 / 3, 1 / 3, 0],  # ties go to the first
    "hoyer": [LATTICE, 4 / 9, (4 + 4 * _sparsity(ROOT, 1)) / 9, ROTATED, LATTICE, 0],
    "active units": [3, 2, 2, 3, 3, 0],
    "gaussian total correlation": [0, 0, 0, 0, 0, 0],
    "wasserstein correlation": [0, 0, 0, 0, 0, 0],
    # One pair in three has I(a + b; a − b) = 2 H(a + b) − log 9.
    "pairwise information": [0, 0, 0, 2 * BOTH / 3, 0, 0],
    "udr with the factors": [
        *(1, 5 / 6, (RHO / 4 + 1 / 2 + (2 * RHO + 1) / 3) / 2, (RHO + 1) / 3, 0, 0)
    ],
    "explicitness": [
        *(5 / 6, (5 / 6 * 2 + 1 / 2) / 3, (2 * AREA + 5 / 6) / 3, 5 / 6, 1 / 2, 1 / 2)
    ],
    "sap, r_squared": [1, 2 / 3, 2 / 3, 1 / 3, 0, 0],
    "infoe, r²": [1, 2 / 3, 2 / 3, 1, 0, 0],
}


@pytest.mark.parametrize("metric", KNOWN)
def test_the_score_is_the_one_known_by_hand(metric):
    for name, value in zip(CASES, KNOWN[metric], strict=True):
        np.testing.assert_allclose(scores(name)[metric], value, atol=2e-6, err_msg=name)


def test_the_gap_under_the_aggregate_posterior_is_that_of_narrow_posteriors():
    for (name, codes), value in zip(CASES.items(), KNOWN["mig"], strict=True):
        out = exact_mig(codes, CLASSES)
        error = 4 * out.stderr + 1e-6
        np.testing.assert_allclose(out.score, value, atol=error, err_msg=name)


def test_narrow_posteriors_have_the_scores_of_their_codes():
    # Their mass is in one of 100 bins, at an end of the box for the codes 8 and −8.
    @jax.jit
    def of_posteriors(z, y):
        q = Gaussian(z, jnp.full_like(z, 1e-3))
        gap = rmig.score(q, y, sizes=SIZES)
        return gap.score, jemmig.of_posteriors(q, y, sizes=SIZES).score

    rows = zip(CASES.items(), KNOWN["mig"], joint(np.log(100)), strict=True)
    for (name, codes), gap, joined in rows:
        values = of_posteriors(codes, CLASSES)
        np.testing.assert_allclose(values, [gap, joined], atol=5e-6, err_msg=name)


def test_neighbours_estimate_the_known_information():
    # I(z_d; v_f) of the latents of each case; nine copies of the points.
    information = {
        "permuted, scaled and flipped": np.log(3) * np.eye(3)[[2, 0, 1]],
        "c missing": np.log(3) * np.diag([1, 1, 0]),
        "a and b in one dimension": [[BOTH, BOTH, 0], [0, 0, np.log(3)], [0, 0, 0]],
        "a and b rotated by 45°": [[BOTH, BOTH, 0]] * 2 + [[0, 0, np.log(3)]],
        "noise": np.zeros((3, 3)),
        "collapsed": np.zeros((3, 3)),
    }
    # A term of the estimate, ψ of a number of points around k = 3, has a variance of at
    # most about 1/3.
    error = 4 / np.sqrt(3 * 9 * len(FACTORS))
    classes = np.tile(CLASSES, (9, 1))
    for (name, codes), exact in zip(CASES.items(), KNOWN["modularity"], strict=True):
        out = modularity.score_neighbours(np.tile(codes, (9, 1)), classes)
        np.testing.assert_allclose(
            out.information, information[name], atol=error, err_msg=name
        )
        if name == "noise":  # the ratios of noise are arbitrary
            continue
        # Of two equal informations, the second may be estimated as 1 − 2 errors of the
        # first, which raises the modularity of the dimension by twice that much.
        assert exact - 1e-2 < out.score < exact + 2 / 3 * 2 * error / BOTH, name


def test_latents_are_not_confused_with_samples():
    # A released version used `.view(D, S)` instead of a transpose: the gap was 0.001.
    out = exact_mig(CASES["permuted, scaled and flipped"], CLASSES)
    np.testing.assert_array_equal(out.best, [1, 2, 0])
    np.testing.assert_allclose(out.information[0, :2], 0, atol=1e-5)


def test_codes_that_diverged_score_nan():
    codes = CASES["c missing"].copy()
    codes[5, 1] = np.nan
    values = jitted(codes, CLASSES) | on_the_host(codes, CLASSES, NUMBERS)
    values["mig, exact"] = exact_mig(codes, CLASSES).score
    assert [name for name, value in values.items() if not np.isnan(value)] == []


def test_continuous_factors_are_cut_into_classes_with_nearly_perfect_scores():
    # The codes are the random factors: 20 bins of a code fit into 5 classes, so
    # I(z; v) is H(v) for its factor and at most twice the counting bias for the others.
    factors = np.random.default_rng(0).uniform(size=(729, 3))
    codes = np.float32(factors[:, ::-1] * [-3, 0.5, 8])
    classes = discrete.classes(factors, bins=5)[0]
    values = jitted(codes, classes)
    values["sap, r_squared"] = r_squared(codes, factors).score
    bias = 19 * 4 / (2 * 729) / np.log(5)
    concentration = (1 / (1 + 4 * bias) - 1 / 3) / (1 - 1 / 3)
    bounds = {
        "mig": (1 - 2 * bias, 1),
        "modularity": (1 - (2 * bias) ** 2, 1),
        "infom": (concentration, 1),
        "infoc": (concentration, 1),
        "irs": (0.8, 0.81),  # 1 − 0.99/5; the mean is off by 0.6 % of the range
        "kim_mnih, enumerated": (1, 1),
        "sap, r_squared": (1 - 16 / 729, 1),  # correlations of 4 standard errors
        "active units": (3, 3),
    }
    for metric, (low, high) in bounds.items():
        assert low - 1e-6 <= values[metric] <= high + 1e-6, (metric, values[metric])
    assert np.isfinite(list(values.values())).all()


def test_continuous_factors_are_refused_by_metrics_of_classes():
    factors = np.random.default_rng(0).uniform(size=(729, 3))
    for score in (mig.score, infomec.score, kim_mnih.enumerated):
        with pytest.raises(ValueError, match=r"cut it by discrete\.classes"):
            score(CASES["noise"], factors)
    with pytest.raises(ValueError, match=r"factor 0 has 729 distinct numbers"):
        kim_mnih.draw_votes(jax.random.key(0), factors, votes=2, samples=2)
