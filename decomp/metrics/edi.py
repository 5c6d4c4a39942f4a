"""EDI: modularity, compactness and explicitness from exclusive shares of information.

R_df = I(z_d; v_f)/I(z; v_f) is the share of the captured information about a factor
that one dimension has. The exclusivity of n shares is the largest minus the root mean
square of the others,

    ε(x) = max_i x_i − √(Σ_{i ≠ best} x_i²/(n − 1))

With f(d) = argmax_f R_df, the three scores, each in [0, 1], are

    modularity   = mean_f min(1, Σ over d with f(d) = f of ε(R_d1 … R_dF))
    compactness  = mean_f ε(R_1f … R_Df)
    explicitness = mean_f min(1, I(z; v_f)/H(v_f))

Source: Julka et al. 2024, arXiv:2410.03056, and their released code, InnVariant,
disentangling/metrics/edi.py, which calls the scores disentanglement, completeness and
informativeness. It offers several estimates of I(z_d; v_f) and I(z; v_f). `score` has
those from bins, and `score_neighbours` those from nearest neighbours. A third estimate
of I(z; v_f), for which a neural network is trained, is not implemented.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import containers, discrete, inputs, units
from decomp.metrics.preset import Preset, resolve
from decomp.metrics.solvers import neighbours

PRESETS: dict[str, dict[str, Any]] = {
    # The released code with estimator="bins", estimate_mi_codes_and_factor_by="max".
    "julka": {"bins": 30, "whole": "max"},
}
WHOLES = ("max", "sum")


class EDI(NamedTuple):
    """The three scores, with their parts."""

    score: jax.Array  # [], modularity
    compactness: jax.Array  # []
    explicitness: jax.Array  # []
    shares: jax.Array  # [D, F], R_df; 0 for a factor without captured information
    best: jax.Array  # [D] int32, f(d)
    whole: jax.Array  # [F], I(z; v_f), nats
    entropy: jax.Array  # [F], H(v_f), nats
    variant: Preset = Preset()  # the preset, and the settings that replaced its own


def score(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "julka",
    bins: int | None = None,
    whole: str | None = None,
    correction: str | None = None,
) -> EDI:
    """EDI from plug-in information between binned codes and factors.

    The scores are exact on the given points. On points drawn from a population, each
    information is too large by about (bins − 1)(V − 1)/(2N). The function works under
    jit and vmap if `sizes` is given.

    Args:
        codes: One code per data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or, without `sizes` and
            outside jit, any discrete factors.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; the keywords below replace its settings.
        bins: Number of bins of equal width per dimension.
        whole: The substitute for I(z; v_f): "max" for max_d I(z_d; v_f), which is never
            above it, or "sum" for Σ_d I(z_d; v_f).
        correction: Correction of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        EDI, see `from_information`; the scores are NaN if a code is not finite.

    Raises:
        ValueError: For an unknown `whole`.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> out = score([[0.0, 1], [2, 1], [0, 5], [2, 5]], factors)
    >>> print(out.score, out.compactness, out.explicitness)
    1.0 1.0 1.0
    """
    z = inputs.codes(codes)
    settings, variant = resolve(
        PRESETS, preset, bins=bins, whole=whole, correction=correction
    )
    if settings["whole"] not in WHOLES:
        raise ValueError(f"unknown whole {settings['whole']!r}; choices: max, sum.")
    table = discrete.plug_in(
        z, factors, bins=settings["bins"], sizes=sizes, correction=correction
    )
    combine = jnp.max if settings["whole"] == "max" else jnp.sum
    captured = combine(table.information, axis=0)
    out = from_information(table.information, captured, table.factor_entropy)
    return _mark(out, ~units.broken(z), variant)


def score_neighbours(
    codes: Any, factors: Any, *, sizes: tuple[int, ...] | None = None, k: int = 3
) -> EDI:
    """EDI from nearest-neighbour information, without bins.

    I(z; v_f) is estimated from the distances between whole codes, as in the released
    code for fewer than four dimensions; there a neural network replaces it for more. In
    many dimensions the estimate is too small, and so it is at least max_d I(z_d; v_f),
    which I(z; v_f) cannot be below. H(v_f) of a continuous factor is I(v_f; v_f) by the
    same estimate, ψ(N) − ψ(k), so that its explicitness depends on N. SciPy searches
    the neighbours on the host, so the function does not work under jit or vmap.

    Args:
        codes: `[N, D]`.
        factors: Any factors `[N, F]`, see `inputs`; or an `inputs.FactorTable`.
        sizes: Number of classes of each factor; it is not used.
        k: Number of neighbours.

    Returns:
        EDI, see `from_information`; the scores are NaN if a code is not finite.

    >>> z = np.random.default_rng(0).uniform(size=(500, 2))
    >>> bool(score_neighbours(z, z).score > 0.95)  # continuous factors
    True
    """
    z = inputs.codes(codes)
    table = inputs.resolved(factors)
    containers.check_rows(z.unit, table.classes)
    information = np.zeros((z.unit.shape[1], table.classes.shape[1]))
    joint, entropy = np.zeros((2, table.classes.shape[1]))
    finite = not bool(units.broken(z))
    if finite:
        information = neighbours.information(z.unit, table, neighbours=k)
        joint = neighbours.of_whole_codes(z.unit, table, neighbours=k)
        entropy = neighbours.entropy(table, neighbours=k)
    captured = np.maximum(joint, information.max(axis=0))
    leaves = (jnp.asarray(a, jnp.float32) for a in (information, captured, entropy))
    return _mark(from_information(*leaves), jnp.array(finite), Preset("neighbours"))


def from_information(
    information: jax.Array, whole: jax.Array, entropy: jax.Array
) -> EDI:
    """EDI from a table of mutual informations.

    Args:
        information: I(z_d; v_f) `[D, F]`, nats.
        whole: I(z; v_f) `[F]`, nats, at least the largest of its column.
        entropy: H(v_f) `[F]`, nats; a factor with H = 0 does not count.

    Returns:
        EDI; the scores are NaN if no factor counts. A factor without captured
        information counts as 0. The exclusivity of a single share is the share.

    >>> table = jnp.array([[0.5, 0.5], [0.0, 0.5]])
    >>> out = from_information(table, jnp.full(2, 0.5), jnp.ones(2))
    >>> print(out.score, out.compactness, out.explicitness)  # ε is 0 and 1; 1 and 0
    0.5 0.5 0.5
    """
    information, whole = inputs.real(information), inputs.real(whole)
    entropy = inputs.real(entropy)
    chex.assert_equal_shape([information[0], whole, entropy])
    used = entropy > 0
    shares = discrete.safe_divide(information, whole[None, :]) * used[None, :]
    best = jnp.argmax(shares, axis=1).astype(jnp.int32)
    of_codes = _exclusivity(shares, jnp.sum(used))  # [D]
    is_best = best[:, None] == jnp.arange(len(entropy))[None, :]  # [D, F]
    credit = jnp.sum(jnp.where(is_best, of_codes[:, None], 0), axis=0)
    of_factors = _exclusivity(shares.T, jnp.array(len(information)))  # [F]
    explained = jnp.minimum(discrete.safe_divide(whole, entropy), 1)
    nan = jnp.where(jnp.any(used), 0, jnp.nan)
    modularity, compactness, explicitness = (
        nan + inputs.mean_over(values, used)
        for values in (jnp.minimum(credit, 1), of_factors, explained)
    )
    return EDI(modularity, compactness, explicitness, shares, best, whole, entropy)


def _exclusivity(rows: jax.Array, count: jax.Array) -> jax.Array:
    """ε of each row, of which `count` entries are counted and the others are 0."""
    largest = jnp.max(rows, axis=1, keepdims=True)
    first = jnp.argmax(rows, axis=1)[:, None] == jnp.arange(rows.shape[1])[None, :]
    others = jnp.sum(jnp.where(first, 0, rows) ** 2, axis=1)
    return largest[:, 0] - jnp.sqrt(others / jnp.maximum(count - 1, 1))


def _mark(out: EDI, finite: jax.Array, variant: Preset) -> EDI:
    """The same scores, or NaN if a code is not finite."""
    nan = jnp.where(finite, 0, jnp.nan)
    return out._replace(
        score=nan + out.score,
        compactness=nan + out.compactness,
        explicitness=nan + out.explicitness,
        variant=variant,
    )
