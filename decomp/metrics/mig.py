"""MIG, the mutual information gap between the two most informative dimensions.

MIG = (1/F) Σ_f (I(z_j(f); v_f) − max_{j≠j(f)} I(z_j; v_f))/H(v_f),
j(f) = argmax_j I(z_j; v_f)

`score` counts bins of one code per data point, such as the posterior means. `exact`
uses the densities of the aggregate posterior q(z). The two are different numbers.

Source: Chen et al. 2018, arXiv:1802.04942, Sec. 4.1.
"""

from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import containers, discrete, inputs, units
from decomp.metrics.preset import Preset, resolve

PRESETS: dict[str, dict[str, Any]] = {
    # Locatello et al. 2019, arXiv:1811.12359: posterior means of 10,000 points, with
    # one class per value of a factor.
    "locatello": {"bins": 20, "counted": None, "factor_bins": None},
    # The same, over the factors that Chen et al. use on dSprites: all but the shape,
    # which is column 0.
    "dsprites_no_shape": {"bins": 20, "counted": (1, 2, 3, 4), "factor_bins": None},
    # A defect of released code, for comparison with numbers that it produced: the
    # factors are cut into 20 bins, too, which merges values of a factor that has more.
    "binned_factors": {"bins": 20, "counted": None, "factor_bins": 20},
}
TILE = 8192  # points of q(z) at once, so that with `block` samples they fit the cache


class MIG(NamedTuple):
    """The score, with its parts."""

    score: jax.Array  # [], mean gap of the factors used
    per_factor: jax.Array  # [F], gap/H(v_f); 0 if not used
    information: jax.Array  # [D, F], I(z_d; v_f), nats
    entropy: jax.Array  # [F], H(v_f), nats
    best: jax.Array  # [F] int32, j(f)
    used: jax.Array  # [F] bool, chosen factors with at least two values
    variant: Preset = Preset()  # the preset, and the settings that replaced its own


class Exact(NamedTuple):
    """The MIG under the aggregate posterior, with standard errors of the sampling."""

    score: jax.Array  # [], mean gap of the factors used
    stderr: jax.Array  # [], given the two dimensions with the most information
    per_factor: jax.Array  # [F], gap/H(v_f); 0 if not used
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
    """The MIG from plug-in information between binned codes and factors.

    The score is exact on the given points, such as a full grid of factors. On points
    drawn from a population it is biased: for independent codes it is not 0 but at most
    about (bins − 1)(V − 1)/(2N)/H. The function works under jit and vmap if `sizes` is
    given.

    Args:
        codes: One code per data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or, without `sizes` and
            outside jit, any discrete factors.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; the keywords below replace its settings.
        bins: Number of bins of equal width per dimension.
        counted: Columns of the factors in the mean; by default all.
        factor_bins: Number of bins into which the classes of the factors are cut, too.
        correction: Correction of the plug-in estimates, one of `discrete.CORRECTIONS`.

    Returns:
        MIG; the score is NaN if a code is not finite or every factor is constant, and 0
        if all dimensions are constant. The gap of a single dimension is its
        information. A factor of one value is not used.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> float(score([[0.0], [2], [0], [2]], factors).score)  # no code of the first
    0.5
    """
    z = inputs.codes(codes)
    settings, variant = resolve(
        PRESETS,
        preset,
        bins=bins,
        counted=counted,
        factor_bins=factor_bins,
        correction=correction,
    )
    labels, sizes = discrete.resolve(factors, sizes)
    containers.check_rows(z.unit, labels)
    if settings["factor_bins"] is not None:
        sizes = (settings["factor_bins"],) * len(sizes)
        most = jnp.max(labels, axis=0, keepdims=True)
        cut = discrete.equal_width(jnp.where(labels < 0, most, labels), bins=sizes[0])
        labels = jnp.where(labels < 0, -1, cut)
    count = settings["bins"]
    cells = discrete.equal_width(z, bins=count)
    information = discrete.mutual_information(
        cells, labels, bins=count, sizes=sizes, correction=correction
    )
    entropy = discrete.entropy(labels, sizes=sizes, correction=correction)
    gap = from_information(information, entropy, _mask(settings["counted"], len(sizes)))
    score = jnp.where(units.broken(z), jnp.nan, gap.score)
    return gap._replace(score=score, variant=variant)


def from_information(
    information: jax.Array, entropy: jax.Array, used: jax.Array
) -> MIG:
    """The MIG from a table of mutual informations.

    Args:
        information: I(z_d; v_f) `[D, F]`, nats.
        entropy: H(v_f) `[F]`, nats; a factor with H = 0 is not used.
        used: Factors in the mean `[F]` bool.

    Returns:
        MIG; the score is NaN if no factor is used.

    >>> table = jnp.array([[1.0], [0.25]])
    >>> float(from_information(table, jnp.array([1.5]), jnp.array([True])).score)
    0.5
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
    """The MIG under q(z), whose densities are summed over all data points.

    I(z_d; v_f) = E[log q(z_d|v_f) − log q(z_d)] for uniform n, z ~ q(z|x_n) and the
    value v of n. Here q(z_d) = (1/N) Σ_n q(z_d|x_n), and q(z_d|v) is the same mean over
    the points with the value v.

    The densities are exact on the given points, and the expectation is sampled. Each
    information is unbiased before it is clamped at 0, as in Chen et al.'s code. The gap
    is biased, as the largest of noisy values is too large on average. Chen et al. draw
    points without replacement, and draw 10,000 points for each value of each factor. On
    dSprites they leave out the shape: `counted=(1, 2, 3, 4)`.

    Args:
        key: A random key, which is used up.
        q: Posteriors of the whole data set, leaves `[N, D]`, with positive scales.
            Shift and scale of a dimension do not change the score.
        factors: Classes `[N, F]`, or any discrete factors as in `score`.
        sizes: Number of classes of each factor.
        num_samples: Samples S ≥ 2.
        counted: Columns of the factors in the mean; by default all.
        block: Samples that are computed at once; memory is about 8 N (D + F) +
            3 · block · TILE · D floats.

    Returns:
        Exact; the score is NaN if a posterior is not finite or every factor is
        constant, and 0 up to rounding if all posteriors are equal.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> q = Gaussian(jnp.array(factors, jnp.float32), jnp.full((4, 2), 0.01))
    >>> print(exact(jax.random.key(0), q, factors, num_samples=100).score.round(4))
    1.0
    """
    q = inputs.posteriors(q)
    labels, sizes = discrete.resolve(factors, sizes)
    containers.check_rows(q.loc, labels)
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
    # Relative to this bound, the density of a sample under its own posterior is far
    # above exp(−80), so the sums need no maximum of their own.
    log_scale = jnp.log(q.scale)
    log_weight = jnp.min(log_scale, axis=0, keepdims=True) - log_scale
    fills = (0, 0, -jnp.inf, -1)  # the rows that fill the last tile have density 0
    tiles = tuple(map(_tiled, (q.loc, 1 / q.scale, log_weight, groups), fills))

    def term(sample: tuple[jax.Array, jax.Array]) -> jax.Array:
        z, own = (x[:, None] for x in sample)  # [D, 1], [F + 1, 1]

        def add(sums: jax.Array, tile: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
            loc, inverse, log_weight, groups = tile
            y = (z - loc) * inverse
            density = jnp.exp(log_weight - 0.5 * y * y)  # [D, T]
            same = (groups == own).astype(density.dtype)  # [F + 1, T]
            tile_sums = jnp.einsum("dn,fn->df", density, same, precision="highest")
            return sums + tile_sums, None

        sums = jax.lax.scan(add, jnp.zeros((len(z), len(own)), z.dtype), tiles)[0]
        return jnp.log(sums[:, :-1] / sums[:, -1:])

    logs = jax.lax.map(term, (samples, groups[rows]), batch_size=block)
    number = [jnp.bincount(label, length=max(sizes))[label[rows]] for label in labels.T]
    share = jnp.stack(number, axis=1).astype(jnp.float32) / len(labels)
    return logs - jnp.log(share)[:, None, :]


def _tiled(rows: jax.Array, fill: float) -> jax.Array:
    """`[N, K]` as tiles of T points, `[⌈N/T⌉, K, T]`."""
    width = min(TILE, len(rows))
    padded = jnp.pad(rows, ((0, -len(rows) % width), (0, 0)), constant_values=fill)
    return padded.reshape(-1, width, rows.shape[1]).swapaxes(1, 2)


def _mask(columns: tuple[int, ...] | None, num_factors: int) -> jax.Array:
    """The columns as a mask `[F]`; None means all columns."""
    if columns is None:
        return jnp.ones(num_factors, bool)
    if not columns or min(columns) < 0 or max(columns) >= num_factors:
        raise ValueError(
            f"counted must be columns from 0 to {num_factors - 1}; got {columns}."
        )
    return jnp.zeros(num_factors, bool).at[jnp.array(columns)].set(True)
