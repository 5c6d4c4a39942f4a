"""Decomposition in variational auto-encoders: pure functions over JAX arrays.

`decomp.fit` trains VAEs and `decomp.load` reads trained ones from a file. Everything
else is imported from its module, whose path is its name: `from decomp import losses`,
`from decomp.distributions import gaussian`, `from decomp.metrics import kim_mnih`.
`decomp/EQUATIONS.md` names the function of each numbered equation of the papers.

Shapes are written with these letters.

    N  data points                       B  points of a minibatch
    S  samples                           X  pixels (or coordinates) of one example
    D  latent dimensions                 K  mixture components
    F  ground-truth factors              V  values of a factor
    M  votes, or pairs of data points    L  data points of each
    R  runs that are compared            G  groups of dimensions
    H  rows of an image                  W  columns of an image
    C  channels, 1 in grey or 3

A file that uses P, T or a letter of its own says what it means.

Names read like the mathematics.

    log_qz_x      log q(z|x), of the posterior of one data point
    log_qz        log q(z), q(z) = (1/N) Σ_n q(z|x_n), of the aggregate posterior
    log_prod_qz   Σ_d log q(z_d), of the product of its marginals
    log_pz        log p(z), of the prior
    log_px_z      log p(x|z), of the decoder
    ..._dims      the same for each dimension, [D]
    ..._groups    the same for each group of dimensions, [G]

    q             posteriors q(z|x): `Gaussian(loc, scale)`, leaves [D], or [N, D]
    p             parameters of a prior or another density
    z             a draw of the latents, [D]
    codes         one vector of latents per data point, such as the means, [N, D]
    x, factors    examples [B, X]; their ground truth [N, F]
    key           randomness, `jax.random.key(...)`; first argument, used up by the call

Functions take one example, and `jax.vmap` makes it a batch, unless the object is a set,
as q(z) is. Every logarithm is natural: all values are in nats, summed over an example's
dimensions and never averaged over them. A sampled value comes with its standard error,
as an `estimate.Estimate`.

Arguments may be NumPy arrays or anything that `np.asarray` takes; results are JAX
arrays. They are computed and returned in float32, also from half precision and whole
numbers, and in float64 if an argument is float64 and `jax_enable_x64` is on:
`numerics.floats`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decomp.fitting import fit
    from decomp.trained import load

__all__ = [
    "aggregate",
    "datasets",
    "decomposition",
    "distributions",
    "divergences",
    "estimate",
    "extras",
    "fit",
    "fit_options",
    "fitting",
    "importance",
    "load",
    "losses",
    "metrics",
    "minibatch",
    "model",
    "networks",
    "numerics",
    "objectives",
    "overlap",
    "own_functions",
    "priors",
    "progress",
    "runs",
    "schedules",
    "theory",
    "trained",
    "training",
    "vae",
]

_PLACES = {"fit": "decomp.fitting", "load": "decomp.trained"}


def __getattr__(name: str) -> Any:
    """Imports `fit` and `load`, and with them JAX, when they are first used."""
    if name in _PLACES:
        import importlib

        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'decomp' has no attribute {name!r}")
