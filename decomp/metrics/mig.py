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
from decomp.metrics import discrete
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


class Score(NamedTuple):
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
    codes: jax.Array,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    preset: str = "locatello",
    bins: int | None = None,
    counted: tuple[int, ...] | None = None,
    factor_bins: int | None = None,
) -> Score:
    """The gap of plug-in information between binned codes and factors.

    Without any dependence it is not 0 but at most the spread of the plug-in bias,
    about (bins − 1)(V − 1)/(2N)/H. It may be jitted and mapped over runs if `sizes` is
    given.

    Args:
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or any discrete factors,
            outside jit, if `sizes` is not given.
        sizes: Number of classes of each factor.
        preset: One of `PRESETS`; keywords given beside it win.
        bins: Bins of equal width of each dimension.
        counted: Columns of the factors in the mean.
        factor_bins: Cuts the factors' classes into so many bins.

    Returns:
        Score; NaN if a code is not finite, 0 if all dimensions are constant. A single
        dimension leads by all its information; a factor of one value is not used.
    """
    chex.assert_rank(codes, 2)
    chosen, variant = published.resolve(
        PRESETS, preset, bins=bins, counted=counted, factor_bins=factor_bins
    )
    labels, sizes = discrete.resolve(factors, sizes)
    if chosen["factor_bins"] is not None:
        labels = discrete.equal_width(
            labels.astype(codes.dtype), bins=chosen["factor_bins"]
        )
        sizes = (chosen["factor_bins"],) * len(sizes)
    labelled = discrete.equal_width(codes, bins=chosen["bins"])
    information = discrete.mutual_information(
        labelled, labels, bins=chosen["bins"], sizes=sizes
    )
    gap = from_information(
        information,
        discrete.entropy(labels, sizes=sizes),
        _mask(chosen["counted"], len(sizes)),
    )
    score = jnp.where(discrete.broken(codes), jnp.nan, gap.score)
    return gap._replace(score=score, variant=variant)


def from_information(
    information: jax.Array, entropy: jax.Array, used: jax.Array
) -> Score:
    """The gap of a table of mutual informations.

    Args:
        information: `[D, F]`, nats.
        entropy: H(v_f) `[F]`, nats.
        used: Factors to take the mean over `[F]` bool.

    Returns:
        Score; 0.0 if no factor is left.
    """
    chex.assert_equal_shape([information[0], entropy, used])
    used = used & (entropy > 0)
    first, second = _leaders(information)
    gap = _take(information, first) - _take(information, second)
    per_factor = jnp.where(used, discrete.safe_divide(gap, entropy), 0)
    mean = discrete.safe_divide(jnp.sum(per_factor), jnp.sum(used))
    return Score(mean, per_factor, information, entropy, first, used)


def exact(
    key: jax.Array,
    q: Gaussian,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    num_samples: int = 10_000,
    counted: tuple[int, ...] | None = None,
    block: int = 8,
) -> Exact:
    """The gap under q(z), whose densities are summed over all data points.

    I(z_d; v_f) = E[log q(z_d|v_f) − log q(z_d)] over n uniform, z ~ q(z|x_n), v of n;
    q(z_d) = (1/N) Σ_n q(z_d|x_n), q(z_d|v) the same over the points that have v.

    Each information is unbiased before it is clamped at 0 (as in Chen et al.'s code);
    the gap is not, as a largest of noisy values is too large on average. Chen et al.
    draw points without replacement, and their 10,000 afresh for each value of each
    factor. On dSprites they leave the shape out: `counted=(1, 2, 3, 4)`.

    Args:
        key: Consumed.
        q: Posteriors of the whole data set, leaves `[N, D]`, scales positive.
        factors: Classes `[N, F]`, or any discrete factors as in `score`.
        sizes: Number of classes of each factor.
        num_samples: Samples S ≥ 2.
        counted: Columns of the factors in the mean; all by default.
        block: Samples evaluated at once; memory is about `block · N · (D + F)` floats.

    Returns:
        Exact; NaN if a posterior is not finite, 0 up to rounding if all are equal.
    """
    chex.assert_equal_shape([q.loc, q.scale])
    labels, sizes = discrete.resolve(factors, sizes)
    terms = _log_ratios(key, q, labels, num_samples=num_samples, block=block)
    information = jnp.mean(terms, axis=0)  # [D, F]
    entropy = discrete.entropy(labels, sizes=sizes)
    gap = from_information(
        jnp.maximum(information, 0), entropy, _mask(counted, len(sizes))
    )
    first, second = _leaders(gap.information)
    lead = jax.vmap(lambda term: _take(term, first) - _take(term, second))(terms)
    weight = jnp.where(
        gap.used, discrete.safe_divide(jnp.ones_like(entropy), entropy), 0
    )
    lead = discrete.safe_divide(lead @ weight, jnp.sum(gap.used))  # [S]
    root = jnp.sqrt(num_samples)
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
    key: jax.Array, q: Gaussian, labels: jax.Array, *, num_samples: int, block: int
) -> jax.Array:
    """log q(z_d|v_f) − log q(z_d) at samples of q(z) and their factors, `[S, D, F]`."""
    num_points = labels.shape[0]
    loc, scale = q.loc.T, q.scale.T  # points last
    groups = jnp.pad(labels, ((0, 0), (0, 1))).T  # the last group is all points
    # Relative to this bound a sample's density under its own posterior stays far above
    # exp(−80), so the sums need no maximum of their own.
    log_weight = jnp.min(jnp.log(scale), axis=1, keepdims=True) - jnp.log(scale)

    def term(s: jax.Array) -> jax.Array:
        index_key, noise_key = jax.random.split(jax.random.fold_in(key, s))
        n = jax.random.randint(index_key, (), 0, num_points)
        noise = jax.random.normal(noise_key, loc.shape[:1], loc.dtype)
        z = loc[:, n] + scale[:, n] * noise  # [D]
        y = (z[:, None] - loc) / scale
        density = jnp.exp(log_weight - 0.5 * y * y)  # [D, N]
        same = (groups == groups[:, n][:, None]).astype(loc.dtype)  # [F + 1, N]
        share = jnp.mean(same, axis=1)[None, :-1]
        sums = jnp.einsum("dn,fn->df", density, same, precision="highest")
        return jnp.log(sums[:, :-1] / sums[:, -1:]) - jnp.log(share)

    return jax.lax.map(term, jnp.arange(num_samples), batch_size=block)


def _leaders(information: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The dimensions of most and of next most information, `[F]` each.

    The second is D, which stands for no information, if there is one dimension only.
    """
    first = jnp.argmax(information, axis=0)
    if information.shape[0] == 1:
        return first.astype(jnp.int32), jnp.ones_like(first, jnp.int32)
    rows = jnp.arange(information.shape[0])[:, None]
    rest = jnp.where(rows == first[None, :], -jnp.inf, information)
    return first.astype(jnp.int32), jnp.argmax(rest, axis=0).astype(jnp.int32)


def _take(table: jax.Array, rows: jax.Array) -> jax.Array:
    """table[rows[f], f] for each f, and 0 past the last row."""
    padded = jnp.concatenate([table, jnp.zeros_like(table[:1])])
    return jnp.take_along_axis(padded, rows[None, :], axis=0)[0]


def _mask(columns: tuple[int, ...] | None, num_factors: int) -> jax.Array:
    """The columns as a mask `[F]`; all if None."""
    if columns is None:
        return jnp.ones(num_factors, bool)
    if not columns or min(columns) < 0 or max(columns) >= num_factors:
        raise ValueError(f"factors {columns} are not columns 0 … {num_factors - 1}.")
    return jnp.zeros(num_factors, bool).at[jnp.array(columns)].set(True)
