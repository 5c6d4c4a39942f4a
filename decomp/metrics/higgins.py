"""Higgins et al.'s score: does a linear classifier tell which factor a pair shares?

Each of M points picks a factor k uniformly and L pairs (n, n') whose values of k agree,
n uniform over the data and n' uniform among those that share n's value of k:

    x = (1/L) Σ_l |z(n_l) − z(n'_l)| ∈ ℝ^D,   score = accuracy of x ↦ k on held-out x.

It depends on the scale of the codes (the logistic regression is penalised), it cannot
see which of F − 1 dimensions misses the last factor (Kim & Mnih 2018, Sec. 4), and its
chance level is about 1/F, which is what collapsed codes score.

Source: Higgins et al. 2017, openreview Sy2fzU9gl, Sec. 3; the classifier and the sizes
are those of Locatello et al. 2019, arXiv:1811.12359.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import discrete, fitted
from decomp.metrics.preset import Preset, resolve

PRESETS: dict[str, dict[str, Any]] = {
    "locatello": {
        "num_train": 10_000,
        "num_test": 5_000,
        "samples": 64,
        "inverse_penalty": 1.0,
        "iterations": 100,
    }
}


class Pairs(NamedTuple):
    """M points of L pairs each."""

    factor: jax.Array  # [M] int32, the factor that the pairs share
    first: jax.Array  # [M, L] int32, rows
    second: jax.Array  # [M, L] int32, rows


class Higgins(NamedTuple):
    """The score and its parts."""

    score: jax.Array  # [], held-out accuracy; NaN if a code is NaN
    train_accuracy: jax.Array  # []
    chance: jax.Array  # [], accuracy of the commonest training factor: a floor
    per_factor: jax.Array  # [F], held-out accuracy where factor f is shared
    active: jax.Array  # [D] bool, not exactly constant
    num_active: jax.Array  # [] int32
    converged: jax.Array  # [] bool, the regression stopped by itself
    variant: Preset


def draw_pairs(
    key: jax.Array, factors: jax.Array, *, points: int, samples: int
) -> Pairs:
    """Draws the random part of the score; jit-able, shared between runs.

    Args:
        key: Consumed.
        factors: Discrete labels `[N, F]`; they need not be a full grid.
        points: M.
        samples: Pairs L of each point.

    Returns:
        Pairs. A row may be paired with itself.
    """
    chex.assert_rank(factors, 2)
    factor_key, first_key, second_key = jax.random.split(key, 3)
    num_points, num_factors = factors.shape
    factor = jax.random.randint(factor_key, (points,), 0, num_factors, jnp.int32)
    first = jax.random.randint(first_key, (points, samples), 0, num_points, jnp.int32)
    order = jnp.argsort(factors, axis=0).astype(jnp.int32)  # [N, F]
    table = jnp.take_along_axis(factors, order, axis=0)

    def edge(side: str) -> jax.Array:
        search = jax.vmap(lambda t, v: jnp.searchsorted(t, v, side=side), 1, 1)
        return search(table, factors)[first, factor[:, None]]

    rank = jax.random.randint(second_key, first.shape, edge("left"), edge("right"))
    return Pairs(factor, first, order[rank, factor[:, None]])


def differences(codes: jax.Array, pairs: Pairs, *, block: int = 64) -> jax.Array:
    """x `[M, D]`, the mean |z − z'| of each point; jit-able and vmap-able over runs.

    Args:
        codes: `[N, D]`.
        pairs: Of M points.
        block: Points at once; memory is `2 · block · L · D`.
    """
    chex.assert_rank(codes, 2)

    def point(rows: tuple[jax.Array, jax.Array]) -> jax.Array:
        return jnp.mean(jnp.abs(codes[rows[0]] - codes[rows[1]]), axis=0)

    return jax.lax.map(point, (pairs.first, pairs.second), batch_size=block)


def score(
    key: jax.Array,
    codes: jax.Array,
    factors: jax.Array,
    *,
    preset: str = "locatello",
    num_train: int | None = None,
    num_test: int | None = None,
    samples: int | None = None,
    inverse_penalty: float | None = None,
    iterations: int | None = None,
) -> Higgins:
    """The score with scikit-learn's logistic regression.

    On the host only: neither jit-able nor vmap-able. `draw_pairs` and `differences`
    are, and are all but the fit.

    Args:
        key: Consumed.
        codes: One code a data point `[N, D]`.
        factors: Discrete labels `[N, F]`, F ≥ 2.
        preset: `locatello`.
        num_train: Points fitted.
        num_test: Points scored.
        samples: Pairs L of each point.
        inverse_penalty: scikit-learn's C.
        iterations: At most this many.

    Returns:
        Higgins.

    Raises:
        ValueError: A single factor: there is nothing to tell apart.
    """
    chex.assert_rank([codes, factors], 2)
    if factors.shape[1] < 2:
        raise ValueError(f"Expected two factors or more; got {factors.shape[1]}.")
    sizes = {"num_train": num_train, "num_test": num_test, "samples": samples}
    model = {"inverse_penalty": inverse_penalty, "iterations": iterations}
    settings, variant = resolve(PRESETS, preset, **sizes, **model)
    codes, factors = jnp.asarray(codes), jnp.asarray(factors)
    split, total = settings["num_train"], settings["num_train"] + settings["num_test"]
    draw = jax.jit(draw_pairs, static_argnames=("points", "samples"))
    pairs = draw(key, factors, points=total, samples=settings["samples"])
    x, y = np.asarray(jax.jit(differences)(codes, pairs)), np.asarray(pairs.factor)
    broken = bool(discrete.broken(codes))
    guess, converged = (
        (y, False)
        if broken
        else fitted.logistic(
            x,
            y,
            split,
            inverse_penalty=settings["inverse_penalty"],
            iterations=settings["iterations"],
        )
    )
    hit = np.where(broken, np.nan, guess == y).astype(x.dtype)
    test = [hit[split:][y[split:] == f] for f in range(factors.shape[1])]
    active = jnp.ptp(codes, axis=0) != 0
    return Higgins(
        score=jnp.asarray(hit[split:].mean()),
        train_accuracy=jnp.asarray(hit[:split].mean()),
        chance=jnp.asarray(np.mean(y[split:] == np.argmax(np.bincount(y[:split])))),
        per_factor=jnp.asarray([h.mean() if h.size else 0.0 for h in test]),
        active=active,
        num_active=jnp.sum(active.astype(jnp.int32)),
        converged=jnp.asarray(converged),
        variant=variant,
    )
