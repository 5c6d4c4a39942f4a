"""Higgins et al.'s score: can a linear classifier predict the factor that pairs share?

Each of M training points of the classifier is made from a factor k, which is uniform,
and from L pairs of data points (n, n') with equal values of k. n is uniform over the
data, and n' is uniform over the points with n's value of k:

    x = (1/L) Σ_l |z(n_l) − z(n'_l)| ∈ ℝ^D,   score = accuracy of x ↦ k on held-out x.

The score depends on the scale of the codes, as the logistic regression is penalised. It
can be 1 although no dimension encodes the last of F factors (Kim & Mnih 2018, Sec. 4).
Collapsed codes score about 1/F, which is chance.

Source: Higgins et al. 2017, openreview Sy2fzU9gl, Sec. 3; the classifier and the sizes
are those of Locatello et al. 2019, arXiv:1811.12359.
"""

import functools
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
from jax.core import Tracer

from decomp.metrics import containers, inputs, units
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
    """L pairs of data points for each of M points of the classifier."""

    factor: jax.Array  # [M] int32, the factor that the pairs share
    first: jax.Array  # [M, L] int32, rows of the data
    second: jax.Array  # [M, L] int32, rows of the data


class Higgins(NamedTuple):
    """The score and its parts."""

    # [], held-out accuracy; NaN if a code is not finite or fewer than two factors vary
    score: jax.Array
    train_accuracy: jax.Array  # []
    chance: jax.Array  # [], accuracy of always predicting the commonest training factor
    per_factor: jax.Array  # [F], held-out accuracy for pairs that share factor f, or 0
    active: jax.Array  # [D] bool, dimensions that are not exactly constant
    num_active: jax.Array  # [] int32
    converged: jax.Array  # [] bool, whether the regression met its tolerance
    variant: Preset


def draw_pairs(key: jax.Array, factors: Any, *, points: int, samples: int) -> Pairs:
    """Draws the pairs, which do not depend on the codes; it works under jit.

    Args:
        key: A random key, which is used up.
        factors: Discrete factors `[N, F]`, see `inputs`; whole numbers under jit. They
            need not be a full grid. Constant factors are never drawn.
        points: Number of points M of the classifier.
        samples: Pairs L per point.

    Returns:
        Pairs. A row may be paired with itself.

    >>> import numpy as np
    >>> factors = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    >>> pairs = draw_pairs(jax.random.key(0), factors, points=50, samples=8)
    >>> first, second = factors[pairs.first], factors[pairs.second]  # [50, 8, 2]
    >>> bool((first == second)[np.arange(50), :, pairs.factor].all())
    True
    """
    factors = inputs.labels(factors)
    factor_key, first_key, second_key = jax.random.split(key, 3)
    num_points = len(factors)
    used = inputs.varying(factors)
    number = jnp.sum(used, dtype=jnp.int32)
    factor = jax.random.randint(factor_key, (points,), 0, number, jnp.int32)
    factor = jnp.argsort(~used)[factor].astype(jnp.int32)  # used factors come first
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
    """The mean |z − z'| over the pairs of each point; it works under jit and vmap.

    Args:
        codes: `[N, D]`.
        pairs: Pairs of M points.
        block: Points that are computed at once; memory is `2 · block · L · D`.

    Returns:
        x `[M, D]`.

    >>> pairs = Pairs(jnp.array([0]), jnp.array([[0, 1]]), jnp.array([[1, 1]]))
    >>> differences([[0.0], [4.0]], pairs).tolist()  # the mean of 4 and 0
    [[2.0]]
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
    """The held-out accuracy of a multinomial logistic regression.

    The regression minimises Σ_m −log softmax_{k_m}(W x_m + b) + ‖W‖²/(2C), which is the
    default objective of scikit-learn, on x without scaling. The function works under
    jit and vmap; map it over `codes` only, so that the pairs are drawn once. The
    standard error of the score is below 0.5/√num_test for a fixed classifier; the draws
    of the training pairs add to it.

    Args:
        key: A random key, which is used up.
        codes: One code per data point `[N, D]`.
        factors: Discrete factors `[N, F]`, see `inputs`; whole numbers under jit.
        preset: `locatello`, the only one.
        num_train: Points fitted.
        num_test: Points scored.
        samples: Pairs L per point.
        inverse_penalty: C.
        iterations: The most steps of the fit.

    Returns:
        Higgins.

    Raises:
        ValueError: If fewer than two factors vary, as there is nothing to predict.

    >>> grid = [[a, b] for a in range(4) for b in range(4)]
    >>> few = {"num_train": 500, "num_test": 500}
    >>> print(score(jax.random.key(0), grid, grid, **few).score)  # perfect codes
    1.0
    """
    z, factors = inputs.codes(codes), inputs.labels(factors)
    containers.check_rows(z.unit, factors)
    num_factors = factors.shape[1]
    used = inputs.varying(factors)
    count = num_factors if isinstance(used, Tracer) else int(jnp.sum(used))
    if count < 2:
        raise ValueError(f"at least two factors must vary; got {count}.")
    numbers = {"num_train": num_train, "num_test": num_test, "samples": samples}
    model = {"inverse_penalty": inverse_penalty, "iterations": iterations}
    settings, variant = resolve(PRESETS, preset, **numbers, **model)
    split, total = settings["num_train"], settings["num_train"] + settings["num_test"]
    pairs = draw_pairs(key, factors, points=total, samples=settings["samples"])
    broken = units.broken(z)
    predicted, converged = jax.custom_batching.sequential_vmap(
        functools.partial(
            _classify,
            split=split,
            num_factors=num_factors,
            inverse_penalty=settings["inverse_penalty"],
            iterations=settings["iterations"],
        )
    )(z._replace(unit=jnp.where(broken, 0, z.unit)), pairs)
    hit = (predicted == pairs.factor).astype(jnp.float32)
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
    """The accuracy of each factor `[F]` from its points `[F, M]` and the hits `[M]`."""
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
    """The predicted factor of each point `[M]`, and whether the fit converged `[]`.

    The regression is fitted to the first `split` points, on standardised columns; the
    penalty of each column is scaled so that it is that of x. Penalties are capped at
    1e30, where all weights are 0 in float32.
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
