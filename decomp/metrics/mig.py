"""Mutual information gap: how far one dimension leads the others on a factor.

MIG = (1/F) Σ_f (I(z_j(f); v_f) − max_{j≠j(f)} I(z_j; v_f))/H(v_f),
j(f) = argmax_j I(z_j; v_f)

`score` counts bins of one code a data point; `exact` integrates over the aggregate
posterior q(z), of which the codes are samples. They are different numbers.

Source: Chen et al. 2018, arXiv:1802.04942, Sec. 4.1.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import discrete, inputs, units
from decomp.metrics import preset as published
from decomp.metrics.preset import Preset

PRESETS: dict[str, dict[str, Any]] = {
    # Locatello et al. 2019, arXiv:1811.12359: posterior means of 10,000 points, all
    # factors at their own values.
    "locatello": {"bins": 20, "counted": None, "factor_bins": None},
    # The same count over the factors of Chen et al. on dSprites: shape, column 0, is
    # left out.
    "dsprites_no_shape": {"bins": 20, "counted": (1, 2, 3, 4), "factor_bins": None},
    # A released defect, for comparison with numbers made with it: the factors too are
    # cut into 20 bins, which merges values of a factor that has more.
    "binned_factors": {"bins": 20, "counted": None, "factor_bins": 20},
}
TILE = 8192  # points of q(z) at once: with `block` samples, what the cache holds


class MIG(NamedTuple):
    """A gap, with what is needed to judge it."""

    score: jax.Array  # [], mean gap of the factors used
    per_factor: jax.Array  # [F], gap/H(v_f); 0 where not used
    information: jax.Array  # [D, F], I(z_d; v_f), nats
    entropy: jax.Array  # [F], H(v_f), nats
    best: jax.Array  # [F] int32, j(f)
    used: jax.Array  # [F] bool, factors in the mean: chosen, and of two values or more
    variant: Preset = Preset()  # the preset, and what was given beside it


class Exact(NamedTuple):
    """A gap under the aggregate posterior, with standard errors of the sampling."""

    score: jax.Array  # [], mean gap of the factors used
    stderr: jax.Array  # [], for the dimensions that lead and follow as found
    per_factor: jax.Array  # [F], gap/H(v_f); 0 where not used
    information: jax.Array  # [D, F], I(z_d; v_f), nats, not below 0
    information_stderr: jax.Array  # [D, F], nats
    entropy: jax.Array  # [F], H(v_f), nats
    best: jax.Array  # [F] int32, j(f)
    used: jax.Array  # [F] bool


def score(
    codes: Any,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "locatello",
    bins: int | None = None,
    counted: tuple[int, ...] | None = None,
    factor_bins: int | None = None,
    correction: str | None = None,
) -> MIG:
    """The gap of plug-in information between binned codes and factors.

    Exact on the given points: on a grid of factors in full it is the gap of the grid,
    on points drawn from it biased: without any dependence it is not 0 but at most about
    (bins − 1)(V − 1)/(2N)/H. It may be jitted and mapped over runs if `sizes` is given.

    Args:
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or any discrete factors,
            outside jit, if `sizes` is not given.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; keywords given beside it win.
        bins: Bins of equal width of each dimension.
        counted: Columns of the factors in the mean.
        factor_bins: Cuts the factors' classes into so many bins.
        correction: Of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        Score; NaN if a code is not finite or every factor is constant, 0 if all
        dimensions are constant. A single dimension leads by all its information; a
        factor of one value is not used.
    """
    z = inputs.codes(codes)
    chosen, variant = published.resolve(
        PRESETS,
        preset,
        bins=bins,
        counted=counted,
        factor_bins=factor_bins,
        correction=correction,
    )
    labels, sizes = discrete.resolve(factors, sizes)
    chex.assert_equal_shape_prefix([z.unit, labels], 1)
    if chosen["factor_bins"] is not None:
        sizes = (chosen["factor_bins"],) * len(sizes)
        most = jnp.max(labels, axis=0, keepdims=True)
        cut = discrete.equal_width(jnp.where(labels < 0, most, labels), bins=sizes[0])
        labels = jnp.where(labels < 0, -1, cut)
    count = chosen["bins"]
    cells = discrete.equal_width(z, bins=count)
    information = discrete.mutual_information(
        cells, labels, bins=count, sizes=sizes, correction=correction
    )
    entropy = discrete.entropy(labels, sizes=sizes, correction=correction)
    gap = from_information(information, entropy, _mask(chosen["counted"], len(sizes)))
    score = jnp.where(units.broken(z), jnp.nan, gap.score)
    return gap._replace(score=score, variant=variant)


def from_information(
    information: jax.Array, entropy: jax.Array, used: jax.Array
) -> MIG:
    """The gap of a table of mutual informations.

    Args:
        information: `[D, F]`, nats.
        entropy: H(v_f) `[F]`, nats.
        used: Factors to take the mean over `[F]` bool.

    Returns:
        Score; NaN if no factor is left.
    """
    information, entropy = inputs.real(information), inputs.real(entropy)
    used = inputs.real(used) != 0
    chex.assert_equal_shape([information[0], entropy, used])
    used = used & (entropy > 0)
    (first, second), (best, _) = discrete.leaders(information)
    per_factor = jnp.where(used, discrete.safe_divide(first - second, entropy), 0)
    mean = inputs.mean_over(per_factor, used)
    return MIG(mean, per_factor, information, entropy, best, used)


def exact(
    key: jax.Array,
    q: Gaussian,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    num_samples: int = 10_000,
    counted: tuple[int, ...] | None = None,
    block: int = 16,
) -> Exact:
    """The gap under q(z), whose densities are summed over all data points.

    I(z_d; v_f) = E[log q(z_d|v_f) − log q(z_d)] over n uniform, z ~ q(z|x_n), v of n;
    q(z_d) = (1/N) Σ_n q(z_d|x_n), q(z_d|v) the same over the points that have v.

    The densities are exact on the given points, the expectation is sampled. Each
    information is unbiased before it is clamped at 0 (as in Chen et al.'s code); the
    gap is not, as a largest of noisy values is too large on average. Chen et al. draw
    points without replacement, and their 10,000 afresh for each value of each factor.
    On dSprites they leave the shape out: `counted=(1, 2, 3, 4)`.

    Args:
        key: A random key, which is used up.
        q: Posteriors of the whole data set, leaves `[N, D]`, scales positive; shift
            and scale of a dimension do not matter.
        factors: Classes `[N, F]`, or any discrete factors as in `score`.
        sizes: Number of classes of each factor.
        num_samples: Samples S ≥ 2.
        counted: Columns of the factors in the mean; all by default.
        block: Samples at once; memory is about 8 N (D + F) floats, and
            3 · block · TILE · D more.

    Returns:
        Exact; NaN if a posterior is not finite or every factor is constant, 0 up to
        rounding if all posteriors are equal.
    """
    q = inputs.posteriors(q)
    labels, sizes = discrete.resolve(factors, sizes)
    chex.assert_equal_shape_prefix([q.loc, labels], 1)
    terms = _log_ratios(key, q, labels, sizes, num_samples=num_samples, block=block)
    information = jnp.mean(terms, axis=0)  # [D, F]
    entropy = discrete.entropy(labels, sizes=sizes)
    used = _mask(counted, len(sizes))
    gap = from_information(jnp.maximum(information, 0), entropy, used)
    _, rows = discrete.leaders(gap.information)
    padded = jnp.pad(terms, ((0, 0), (0, 1), (0, 0)))
    pairs = jnp.take_along_axis(padded, rows[None], axis=1)  # [S, 2, F]
    leads = jnp.where(gap.used, 1 / jnp.where(gap.used, entropy, 1), 0)
    lead = (pairs[:, 0] - pairs[:, 1]) @ leads / jnp.maximum(jnp.sum(gap.used), 1)
    root = num_samples**0.5
    return Exact(
        jnp.where(jnp.isnan(information).any(), jnp.nan, gap.score),
        jnp.std(lead, ddof=1) / root,
        gap.per_factor,
        gap.information,
        jnp.std(terms, axis=0, ddof=1) / root,
        entropy,
        gap.best,
        gap.used,
    )


def _log_ratios(
    key: jax.Array,
    q: Gaussian,
    labels: jax.Array,
    sizes: tuple[int, ...],
    *,
    num_samples: int,
    block: int,
) -> jax.Array:
    """log q(z_d|v_f) − log q(z_d) at samples of q(z) and their factors, `[S, D, F]`."""
    index_key, noise_key = jax.random.split(key)
    rows = jax.random.randint(index_key, (num_samples,), 0, len(labels), jnp.int32)
    noise = jax.random.normal(noise_key, (num_samples, *q.loc.shape[1:]), q.loc.dtype)
    samples = q.loc[rows] + q.scale[rows] * noise  # [S, D]
    groups = jnp.pad(labels, ((0, 0), (0, 1)))  # the last group is all points
    # Relative to this bound a sample's density under its own posterior stays far above
    # exp(−80), so the sums need no maximum of their own.
    log_scale = jnp.log(q.scale)
    log_weight = jnp.min(log_scale, axis=0, keepdims=True) - log_scale
    fills = (0, 0, -jnp.inf, -1)  # what fills up the last tile has no density
    tiles = tuple(map(_tiled, (q.loc, 1 / q.scale, log_weight, groups), fills))

    def term(sample: tuple[jax.Array, jax.Array]) -> jax.Array:
        z, own = (x[:, None] for x in sample)  # [D, 1], [F + 1, 1]

        def add(sums: jax.Array, tile: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
            loc, inverse, log_weight, groups = tile
            y = (z - loc) * inverse
            density = jnp.exp(log_weight - 0.5 * y * y)  # [D, T]
            same = (groups == own).astype(density.dtype)  # [F + 1, T]
            more = jnp.einsum("dn,fn->df", density, same, precision="highest")
            return sums + more, None

        sums = jax.lax.scan(add, jnp.zeros((len(z), len(own)), z.dtype), tiles)[0]
        return jnp.log(sums[:, :-1] / sums[:, -1:])

    logs = jax.lax.map(term, (samples, groups[rows]), batch_size=block)
    number = [jnp.bincount(label, length=max(sizes))[label[rows]] for label in labels.T]
    share = jnp.stack(number, axis=1).astype(jnp.float32) / len(labels)
    return logs - jnp.log(share)[:, None, :]


def _tiled(rows: jax.Array, fill: float) -> jax.Array:
    """`[N, K]` in tiles of T points, `[⌈N/T⌉, K, T]`."""
    width = min(TILE, len(rows))
    padded = jnp.pad(rows, ((0, -len(rows) % width), (0, 0)), constant_values=fill)
    return padded.reshape(-1, width, rows.shape[1]).swapaxes(1, 2)


def _mask(columns: tuple[int, ...] | None, num_factors: int) -> jax.Array:
    """The columns as a mask `[F]`; all if None."""
    if columns is None:
        return jnp.ones(num_factors, bool)
    if not columns or min(columns) < 0 or max(columns) >= num_factors:
        raise ValueError(f"factors {columns} are not columns 0 … {num_factors - 1}.")
    return jnp.zeros(num_factors, bool).at[jnp.array(columns)].set(True)
