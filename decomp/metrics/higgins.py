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
from jax.core import Tracer

from decomp.metrics import inputs, units
from decomp.metrics.preset import Preset, resolve
from decomp.metrics.solvers import multinomial

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

    # [], held-out accuracy; NaN if a code is not finite or fewer than two factors vary
    score: jax.Array
    train_accuracy: jax.Array  # []
    chance: jax.Array  # [], accuracy of the commonest training factor: a floor
    per_factor: jax.Array  # [F], held-out accuracy where factor f is shared, or 0
    active: jax.Array  # [D] bool, not exactly constant
    num_active: jax.Array  # [] int32
    converged: jax.Array  # [] bool, the regression stopped by itself
    variant: Preset


def draw_pairs(key: jax.Array, factors: Any, *, points: int, samples: int) -> Pairs:
    """Draws the random part of the score; jit-able, shared between runs.

    Args:
        key: A random key, which is used up.
        factors: Discrete factors `[N, F]`, see `inputs`; they need not be a full grid,
            and are whole numbers under jit. A constant one is never shared.
        points: M.
        samples: Pairs L of each point.

    Returns:
        Pairs. A row may be paired with itself.
    """
    factors = inputs.labels(factors)
    factor_key, first_key, second_key = jax.random.split(key, 3)
    num_points = len(factors)
    used = inputs.varying(factors)
    number = jnp.sum(used, dtype=jnp.int32)
    factor = jax.random.randint(factor_key, (points,), 0, number, jnp.int32)
    factor = jnp.argsort(~used)[factor].astype(jnp.int32)  # those used come first
    first = jax.random.randint(first_key, (points, samples), 0, num_points, jnp.int32)
    order = jnp.argsort(factors, axis=0).astype(jnp.int32)  # [N, F]
    table = jnp.take_along_axis(factors, order, axis=0)

    def edge(side: str) -> jax.Array:
        search = jax.vmap(lambda t, v: jnp.searchsorted(t, v, side=side), 1, 1)
        return search(table, factors)[first, factor[:, None]]

    rank = jax.random.randint(
        second_key, first.shape, edge("left"), edge("right"), jnp.int32
    )
    return Pairs(factor, first, order[rank, factor[:, None]])


def differences(codes: Any, pairs: Pairs, *, block: int = 1) -> jax.Array:
    """x `[M, D]`, the mean |z − z'| of each point; jit-able and vmap-able over runs.

    Args:
        codes: `[N, D]`.
        pairs: Of M points.
        block: Points at once; memory is `2 · block · L · D`.
    """
    codes, pairs = inputs.real(codes), jax.tree.map(jnp.asarray, pairs)
    chex.assert_rank(codes, 2)

    def point(rows: tuple[jax.Array, jax.Array]) -> jax.Array:
        return jnp.mean(jnp.abs(codes[rows[0]] - codes[rows[1]]), axis=0)

    return jax.lax.map(point, (pairs.first, pairs.second), batch_size=block)


def score(
    key: jax.Array,
    codes: Any,
    factors: Any,
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
        key: A random key, which is used up.
        codes: One code a data point `[N, D]`.
        factors: Discrete factors `[N, F]`, see `inputs`; whole numbers under jit.
        preset: `locatello`.
        num_train: Points fitted.
        num_test: Points scored.
        samples: Pairs L of each point.
        inverse_penalty: C.
        iterations: Steps of the fit at most.

    Returns:
        Higgins.

    Raises:
        ValueError: Fewer than two factors that vary: there is nothing to tell apart.
    """
    z, factors = inputs.codes(codes), inputs.labels(factors)
    chex.assert_equal_shape_prefix([z.unit, factors], 1)
    num_factors = factors.shape[1]
    used = inputs.varying(factors)
    count = num_factors if isinstance(used, Tracer) else int(jnp.sum(used))
    if count < 2:
        raise ValueError(f"expected two factors or more that vary; got {count}.")
    sizes = {"num_train": num_train, "num_test": num_test, "samples": samples}
    model = {"inverse_penalty": inverse_penalty, "iterations": iterations}
    settings, variant = resolve(PRESETS, preset, **sizes, **model)
    split, total = settings["num_train"], settings["num_train"] + settings["num_test"]
    pairs = draw_pairs(key, factors, points=total, samples=settings["samples"])
    broken = units.broken(z)
    guess, converged = jax.custom_batching.sequential_vmap(
        functools.partial(
            _classify,
            split=split,
            num_factors=num_factors,
            inverse_penalty=settings["inverse_penalty"],
            iterations=settings["iterations"],
        )
    )(z._replace(unit=jnp.where(broken, 0, z.unit)), pairs)
    hit = (guess == pairs.factor).astype(jnp.float32)
    hit = jnp.where(broken | (jnp.sum(used) < 2), jnp.nan, hit)
    number = jnp.bincount(pairs.factor[:split], length=num_factors)
    same = pairs.factor[None, split:] == jnp.arange(num_factors)[:, None]  # [F, M]
    active = units.active(z)
    return Higgins(
        score=jnp.mean(hit[split:]),
        train_accuracy=jnp.mean(hit[:split]),
        chance=jnp.mean((pairs.factor[split:] == jnp.argmax(number)).astype(hit.dtype)),
        per_factor=_means(same, hit[split:]),
        active=active,
        num_active=jnp.sum(active.astype(jnp.int32)),
        converged=converged & ~broken,
        variant=variant,
    )


def _means(same: jax.Array, hit: jax.Array) -> jax.Array:
    """The mean of the hits of each factor `[F]`."""
    number = jnp.maximum(jnp.sum(same, axis=1), 1)
    return jnp.sum(jnp.where(same, hit[None, :], 0), axis=1) / number


@functools.partial(jax.jit, static_argnames=("split", "num_factors"))
def _classify(
    z: units.Codes,
    pairs: Pairs,
    *,
    split: int,
    num_factors: int,
    inverse_penalty: float,
    iterations: int,
) -> tuple[jax.Array, jax.Array]:
    """The factor of every point by a fit to the first ones `[M]`; did it converge?

    Fitted to standardised columns, whose weights are penalised as those of x. A penalty
    beyond 1e30 leaves no weight either.
    """
    x = differences(z.unit, pairs)
    train = x[:split]
    mean, scale = jnp.mean(train, axis=0), jnp.std(train, axis=0)
    scale = jnp.where(jnp.ptp(train, axis=0) == 0, 1, scale)
    unit = (x - mean[None, :]) / scale[None, :]
    penalty = units.times_power(1 / jnp.maximum(scale, 1e-15), -z.exponent) ** 2
    penalty = penalty / (inverse_penalty * split)
    model = multinomial.fit(
        unit[:split],
        pairs.factor[:split],
        jnp.full(split, 1 / split, x.dtype),
        size=num_factors,
        penalty=jnp.minimum(penalty, 1e30),
        tolerance=1e-6,
        steps=iterations,
    )
    return jnp.argmax(multinomial.scores(model, unit), axis=0), model.converged
