"""Codes of a known grid of factors, for the tests of the metrics."""

import itertools

import numpy as np


def grid(*sizes):
    """Every combination of the factors, int32 `[N, F]`."""
    return np.array(list(itertools.product(*map(range, sizes))), np.int32)


def perfect(factors):
    """The factors in another order, on other scales, one of another sign."""
    scales = np.array([-3.0, 0.01, 200.0, 1.0])[: factors.shape[1]]
    return np.float32(factors[:, ::-1] * scales + 0.7)


def rotated(factors):
    """The first two factors, turned by 45°."""
    a, b = np.float32(factors[:, :2].T)
    return np.stack([a + b, a - b], axis=1) / np.sqrt(np.float32(2))


def mixed(factors, seed=0, dims=4):
    """Noisy linear mixtures of the factors."""
    rng = np.random.default_rng(seed)
    signal = factors @ rng.normal(size=(factors.shape[1], dims))
    return np.float32(signal + rng.normal(size=signal.shape))
