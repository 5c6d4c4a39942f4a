"""The metrics that a sweep may compute, from the registry of `decomp.metrics`."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import definitions
from experiments.evaluation import metrics
from experiments.results import columns

SIZES = (2, 2, 2)
FACTORS = jnp.asarray(list(itertools.product(*map(range, SIZES))) * 10, jnp.int32)
OF_FACTORS = ("mig", "modularity", "infom", "infoc", "sap")
OF_CODES = ("hoyer", "gaussian_tc", "gaussian_wasserstein", "pairwise_information")


def test_auto_selects_the_metrics_that_the_factors_allow():
    assert metrics.chosen(("auto",), 3) == OF_FACTORS
    assert metrics.chosen(("auto",), 1) == OF_CODES
    assert metrics.chosen(("irs", "auto"), 3) == ("irs", *OF_FACTORS)
    with pytest.raises(ValueError, match="got a class alone, choices: hoyer"):
        metrics.chosen(("explicitness",), 1)


def test_every_metric_of_a_sweep_is_compiled_and_needs_only_codes_and_factors():
    for name, entry in definitions.columns().items():
        assert entry.compiled, name
        assert entry.name != ("mig", "exact"), name
        assert entry.definition in columns.COLUMNS[name]


@jax.jit
def scores(codes):
    """All scores of the codes of one run, compiled together."""
    return {
        name: metrics.score(name, jax.random.key(7), codes, FACTORS, SIZES)
        for name in (*columns.OF_FACTORS, *columns.OF_CODES)
    }


@pytest.mark.slow
def test_scores_of_many_runs_are_those_of_each_alone():
    noise = np.random.default_rng(0).normal(size=(3, *FACTORS.shape))
    codes = jnp.asarray(noise, jnp.float32)
    together, alone = jax.jit(jax.vmap(scores))(codes), [scores(run) for run in codes]
    for name, under_vmap in together.items():
        values = [of_run[name] for of_run in alone]
        np.testing.assert_allclose(
            under_vmap, values, rtol=1e-4, atol=1e-6, err_msg=name
        )
        assert len(set(np.asarray(under_vmap).tolist())) == 3, name


def test_the_factors_themselves_score_one():
    for name, value in scores(FACTORS.astype(jnp.float32)).items():
        if name in columns.OF_FACTORS:
            np.testing.assert_allclose(value, 1.0, atol=1e-6, err_msg=name)
