"""Metrics of extreme codes: constant, huge, tiny, far from 0, tied."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import (
    active_units,
    hoyer,
    infoe,
    infomec,
    irs,
    kim_mnih,
    mig,
    modularity,
    sap,
    udr,
    unsupervised,
)
from tests import hunt

POINTS, SIZES = 12, (2, 3)
VALUE = st.sampled_from((0.0, 1.0, -1.0, 0.5, 1e-6, 1e6)) | st.floats(-2.0, 2.0)
UNIT = st.sampled_from((1.0, 1e-6, 1e6, 0.0))
OFFSET = st.sampled_from((0.0, 1e6, -1e4))

COUNTS = {
    "active_units": lambda z, v: active_units.score(z).score / z.shape[1],
    "mig": lambda z, v: mig.score(z, v, sizes=SIZES).score,
    "modularity": lambda z, v: modularity.score(z, v, sizes=SIZES).score,
    "infomec": lambda z, v: infomec.score(z, v, sizes=SIZES).score,
    "hoyer": lambda z, v: hoyer.score(z).score,
    "kim_mnih": lambda z, v: kim_mnih.enumerated(z, v, sizes=SIZES).score,
    "sap": lambda z, v: sap.r_squared(z, v).score,
    "pairs": lambda z, v: unsupervised.score(z).mutual_information / np.log(POINTS),
    "wasserstein": lambda z, v: unsupervised.score(z).wasserstein_normalised / 2,
}
FITS = {
    "irs": lambda z, v: jnp.maximum(irs.score(z, v).score, 0),  # it may be below 0
    "exact mig": lambda z, v: jnp.clip(  # a Monte-Carlo estimate may be above 1
        mig.exact(
            jax.random.key(0), Gaussian(z, 1e-6 + 0 * z), v, sizes=SIZES, num_samples=8
        ).score,
        0,
        1,
    ),
    "machines": lambda z, v: sap.score(jax.random.key(0), z, v, sizes=SIZES).score,
    "explicitness": lambda z, v: modularity.explicitness(z, v, z, v, sizes=SIZES).score,
    "infoe": lambda z, v: infoe.score(z, v, sizes=SIZES).score,
    "udr": lambda z, v: udr.score(jnp.stack([z, z[::-1], -z])).score,
    "spearman": lambda z, v: udr.score(jnp.stack([z, -z]), preset="spearman").score,
}


@st.composite
def codes(draw):
    """Two columns, each with a unit and an offset; rounding may make one constant."""
    values = draw(hunt.array(VALUE, POINTS, 2))
    return draw(hunt.array(OFFSET, 2)) + draw(hunt.array(UNIT, 2)) * values


@st.composite
def classes(draw):
    columns = [draw(hunt.array(st.integers(0, size - 1), POINTS)) for size in SIZES]
    return np.stack(columns, axis=1).astype(np.int32)


def assert_within_range(metrics, *, examples):
    """Asserts that all scores are between 0 and 1, up to rounding.

    If all factors are constant, a score may be NaN.
    """

    @jax.jit
    def scores(z, v):
        return {name: metric(z, v) for name, metric in metrics.items()}

    @settings(hunt.PROFILE, max_examples=examples)
    @given(codes(), classes())
    def holds(z, v):
        any_factor_varies = (v != v[:1]).any()
        for name, score in scores(z, v).items():
            unknown = np.isnan(score) & ~any_factor_varies
            assert (unknown | (score > -1e-4) & (score < 1 + 1e-4)).all(), (name, score)

    holds()


@pytest.mark.slow
def test_scores_are_within_their_range():
    assert_within_range(COUNTS, examples=hunt.EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("metrics", [COUNTS, FITS], ids=["counts", "fits"])
def test_scores_are_within_their_range_in_a_long_hunt(metrics):
    assert_within_range(metrics, examples=hunt.MANY // 2)
