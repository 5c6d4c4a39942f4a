"""RMIG: the mutual information gap of posteriors whose mass is spread over bins.

Q_d(b|x_n) is the mass of the posterior of x_n in bin b of B. The joint distribution of
a dimension and a factor, and the score, are

    Q(b, v) = (1/N) Σ_n Q_d(b|x_n) [v_f(n) = v],
    RMIG = mean_f (largest − second I_Q(z_d; v_f))/H(v_f)

It is the MIG of samples of q(z), without drawing them. For posteriors of width 0 it is
`mig.score` with the same bins. `mig.exact` uses the densities, without bins.

Source: Do & Tran 2020, arXiv:1908.09961, Sec. 4, and the released code: Q_d(b|x) is the
density at the middle of bin b over the sum over all bins; if no density is at least
10⁻⁵, all mass is in the bin of the mean. There are 100 bins from −4 to 4.
"""

from typing import Any

import chex
import jax
import jax.numpy as jnp

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import containers, discrete, inputs, mig
from decomp.metrics.discrete import PlugIn
from decomp.metrics.mig import MIG
from decomp.metrics.preset import Preset

_LEAST = 1e-5  # if all densities are below this, the mass is in the bin of the mean


def score(
    q: Gaussian,
    factors: Any,
    *,
    sizes: tuple[int, ...] | None = None,
    bins: int = 100,
    low: float = -4.0,
    high: float = 4.0,
) -> MIG:
    """The MIG of the binned mass of posteriors.

    The score is exact on the given points. Shift and scale of the latents change it, as
    the bins are fixed; they presume that q(z) is similar to a standard normal prior.
    The function works under jit and vmap if `sizes` is given.

    Args:
        q: Posteriors, leaves `[N, D]`.
        factors: Classes `[N, F]` from `discrete.classes`; or, without `sizes` and
            outside jit, any discrete factors.
        sizes: Number of classes of each factor.
        bins: Number of bins B between `low` and `high`. The first and the last bin also
            contain the means that are outside.
        low: Lower end of the first bin.
        high: Upper end of the last bin.

    Returns:
        MIG; the score is NaN if a posterior is not finite or every factor is constant.

    >>> factors = [[0, 0], [0, 1], [1, 0], [1, 1]]
    >>> q = Gaussian(jnp.array(factors, jnp.float32), jnp.full((4, 2), 1e-9))
    >>> print(score(q, factors).score.round(4))
    1.0
    """
    labels, sizes = discrete.resolve(factors, sizes)
    table = information(q, labels, sizes=sizes, bins=bins, low=low, high=high)
    used = jnp.ones(len(sizes), bool)
    gap = mig.from_information(table.information, table.factor_entropy, used)
    broken = jnp.isnan(table.information).any()  # a posterior is not finite
    value = jnp.where(broken, jnp.nan, gap.score)
    return gap._replace(score=value, variant=Preset("do_tran"))


def information(
    q: Gaussian,
    labels: jax.Array,
    *,
    sizes: tuple[int, ...],
    bins: int,
    low: float,
    high: float,
) -> PlugIn:
    """Information and entropies of the distributions Q of this module, in nats.

    Memory is about N (B + Σ V_f) floats, as one dimension is computed after another.

    Args:
        q: Posteriors, leaves `[N, D]`.
        labels: Classes `[N, F]`.
        sizes: Number of classes of each factor.
        bins: Number of bins B.
        low: Lower end of the first bin.
        high: Upper end of the last bin.

    Returns:
        PlugIn; all values of a dimension that is not finite are NaN.
    """
    loc, scale = (_real(leaf, name) for leaf, name in zip(q, q._fields, strict=True))
    chex.assert_equal_shape([loc, scale])
    containers.check_rows(loc, labels)
    width = (high - low) / bins
    middles = low + width * (jnp.arange(bins, dtype=jnp.float32) + 0.5)
    entropy = discrete.entropy(labels, sizes=sizes)
    one_hot = jax.nn.one_hot(labels, max(sizes), axis=-1)  # [N, F, V]

    def of_dimension(pair: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        mean, spread = (leaf[:, None] for leaf in pair)
        log_density = (
            -0.5 * ((middles[None, :] - mean) / spread) ** 2
            - jnp.log(spread)
            - 0.5 * jnp.log(2 * jnp.pi)
        )
        own_bin = jnp.clip(jnp.floor((mean - low) / width), 0, bins - 1)
        point_mass = own_bin == jnp.arange(bins)[None, :]
        narrow = jnp.max(log_density, axis=1, keepdims=True) < jnp.log(_LEAST)
        mass = jnp.where(narrow, point_mass, jax.nn.softmax(log_density, axis=1))
        mass = jnp.where(jnp.isfinite(mean + spread), mass, jnp.nan)
        joint = jnp.einsum("nb,nfv->fbv", mass, one_hot, precision="highest")
        joint = joint / len(mass)
        of_bin, of_class = jnp.sum(joint, 2), jnp.sum(joint, 1)
        independent = of_bin[:, :, None] * of_class[:, None, :]
        ratio = jnp.where(joint > 0, joint, 1) / jnp.where(joint > 0, independent, 1)
        terms = jnp.where(joint == 0, 0, joint * jnp.log(ratio))
        information = jnp.sum(terms, axis=(1, 2))
        code_entropy = -jnp.sum(jax.scipy.special.xlogy(of_bin[0], of_bin[0]))
        return jnp.where(information < 0, 0, information), code_entropy

    information, code_entropy = jax.lax.map(of_dimension, (loc.T, scale.T))
    return PlugIn(information, entropy, code_entropy)


def _real(values: Any, name: str) -> jax.Array:
    """Means or scales `[N, D]` float32."""
    table = containers.array(values, name)
    chex.assert_rank(table, 2)
    return inputs.real(table, name)
