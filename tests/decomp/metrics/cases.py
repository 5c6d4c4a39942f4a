"""Codes of a known grid of factors, and slow reference implementations."""

import itertools

import numpy as np


def grid(*sizes):
    """Every combination of the factors, int32 `[N, F]`."""
    return np.array(list(itertools.product(*map(range, sizes))), np.int32)


def perfect(factors):
    """The factors in another order, on other scales, one with another sign."""
    scales = np.array([-3.0, 0.01, 200.0, 1.0])[: factors.shape[1]]
    return np.float32(factors[:, ::-1] * scales + 0.7)


def rotated(factors):
    """The first two factors, rotated by 45°."""
    a, b = np.float32(factors[:, :2].T)
    return np.stack([a + b, a - b], axis=1) / np.sqrt(np.float32(2))


def mixed(factors, seed=0, dims=4, noise=1.0):
    """Noisy linear mixtures of the factors."""
    rng = np.random.default_rng(seed)
    signal = factors @ rng.normal(size=(factors.shape[1], dims))
    return np.float32(signal + noise * rng.normal(size=signal.shape))


def entropy(labels):
    """H of a column of labels in nats, in float64."""
    share = np.unique(labels, return_counts=True)[1] / len(labels)
    return -np.sum(share * np.log(share))


def information(a, b):
    """I(a; b) of two columns of labels in nats, by loops in float64."""
    total = 0.0
    for u, v in itertools.product(np.unique(a), np.unique(b)):
        joint = np.mean((a == u) & (b == v))
        if joint > 0:
            total += joint * np.log(joint / (np.mean(a == u) * np.mean(b == v)))
    return total


def binned_information(column, labels, bins):
    """I of a column of codes in bins of equal width and of a column of labels."""
    column = np.float64(column)
    edges = np.linspace(column.min(), column.max(), bins + 1)
    return information(np.digitize(column, edges[1:-1]), labels)
