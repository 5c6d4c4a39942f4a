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

import functools
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.metrics import discrete, multinomial
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
        factors: Integer classes `[N, F]`, see `discrete.classes`; they need not be a
            full grid.
        points: M.
        samples: Pairs L of each point.

    Returns:
        Pairs. A row may be paired with itself.
    """
    chex.assert_rank(factors, 2)
    discrete.check_classes(factors)
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


def differences(codes: jax.Array, pairs: Pairs, *, block: int = 1) -> jax.Array:
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
    """The score with a multinomial logistic regression; jit-able and vmap-able.

    min Σ_m −log softmax_{k_m}(W x_m + b) + ‖W‖²/(2C), the objective that scikit-learn
    minimises by default, on x as they are. Map it over `codes` alone: the pairs are
    then drawn once. An estimate over pairs: its standard error is below 0.5/√num_test,
    beside that of the fit.

    Args:
        key: Consumed.
        codes: One code a data point `[N, D]`.
        factors: Classes `[N, F]`, see `discrete.classes`; F ≥ 2.
        preset: `locatello`.
        num_train: Points fitted.
        num_test: Points scored.
        samples: Pairs L of each point.
        inverse_penalty: C.
        iterations: Steps of the fit at most.

    Returns:
        Higgins.

    Raises:
        ValueError: A single factor: there is nothing to tell apart.
    """
    chex.assert_rank([codes, factors], 2)
    num_factors = factors.shape[1]
    if num_factors < 2:
        raise ValueError(f"Expected two factors or more; got {num_factors}.")
    sizes = {"num_train": num_train, "num_test": num_test, "samples": samples}
    model = {"inverse_penalty": inverse_penalty, "iterations": iterations}
    settings, variant = resolve(PRESETS, preset, **sizes, **model)
    codes, factors = jnp.asarray(codes), jnp.asarray(factors)
    split, total = settings["num_train"], settings["num_train"] + settings["num_test"]
    pairs = draw_pairs(key, factors, points=total, samples=settings["samples"])
    broken = discrete.broken(codes)
    guess, converged = jax.custom_batching.sequential_vmap(
        functools.partial(
            _classify,
            split=split,
            num_factors=num_factors,
            inverse_penalty=settings["inverse_penalty"],
            iterations=settings["iterations"],
        )
    )(jnp.where(broken, 0, codes), pairs)
    hit = (guess == pairs.factor).astype(codes.dtype)
    hit = jnp.where(broken, jnp.nan, hit)
    number = jnp.bincount(pairs.factor[:split], length=num_factors)
    same = pairs.factor[None, split:] == jnp.arange(num_factors)[:, None]  # [F, M]
    active = jnp.ptp(codes, axis=0) != 0
    return Higgins(
        score=jnp.mean(hit[split:]),
        train_accuracy=jnp.mean(hit[:split]),
        chance=jnp.mean((pairs.factor[split:] == jnp.argmax(number)).astype(hit.dtype)),
        per_factor=same @ hit[split:] / jnp.maximum(jnp.sum(same, axis=1), 1),
        active=active,
        num_active=jnp.sum(active.astype(jnp.int32)),
        converged=converged & ~broken,
        variant=variant,
    )


@functools.partial(jax.jit, static_argnames=("split", "num_factors"))
def _classify(
    codes: jax.Array,
    pairs: Pairs,
    *,
    split: int,
    num_factors: int,
    inverse_penalty: float,
    iterations: int,
) -> tuple[jax.Array, jax.Array]:
    """The factor of every point by a fit to the first ones `[M]`; did it converge?

    Fitted to standardised columns, whose weights are penalised as those of x.
    """
    x = differences(codes, pairs)
    train = x[:split]
    mean, scale = jnp.mean(train, axis=0), jnp.std(train, axis=0)
    scale = jnp.where(jnp.ptp(train, axis=0) == 0, 1, scale)
    unit = (x - mean[None, :]) / scale[None, :]
    model = multinomial.fit(
        unit[:split],
        pairs.factor[:split],
        jnp.full(split, 1 / split, x.dtype),
        size=num_factors,
        penalty=1 / (inverse_penalty * split * jnp.maximum(scale, 1e-15) ** 2),
        tolerance=1e-6,
        steps=iterations,
    )
    return jnp.argmax(multinomial.scores(model, unit), axis=0), model.converged
