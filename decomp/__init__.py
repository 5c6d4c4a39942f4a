"""Decomposition in variational auto-encoders: pure functions over JAX arrays.

`decomp.fit` trains VAEs and `decomp.load` reads trained ones from a file. Of all else,
import the module you need; the path is the name: `from decomp import losses`,
`from decomp.distributions import gaussian`, `from decomp.metrics import kim_mnih`.
`decomp/EQUATIONS.md` leads from an equation of the papers to its function.

Letters in shapes:

    N  data points                       B  points of a minibatch
    S  samples                           X  pixels (or coordinates) of one example
    D  latent dimensions                 K  mixture components
    F  ground-truth factors              V  values of a factor
    M  votes, or pairs of data points    L  data points of each
    R  runs that are compared            G  groups of dimensions
    H  rows of an image                  W  columns of an image
    C  channels, 1 in grey or 3

P and T mean what their file says, and so do letters that a single file needs.

Names read like the mathematics:

    log_qz_x      log q(z|x), of the posterior of one data point
    log_qz        log q(z), q(z) = (1/N) Σ_n q(z|x_n), of the aggregate posterior
    log_prod_qz   Σ_d log q(z_d), of the product of its marginals
    log_pz        log p(z), of the prior
    log_px_z      log p(x|z), of the decoder
    ..._dims      the same of each dimension, [D]
    ..._groups    the same of groups of dimensions

    q             posteriors q(z|x): `Gaussian(loc, scale)`, leaves [D], of a set [N, D]
    p             parameters of a prior or another density
    z, codes      latents: a draw; one for each data point, such as the means, [N, D]
    x, factors    examples [B, X]; their ground truth, [N, F]
    key           randomness, `jax.random.key(...)`; first argument, used up by the call

Functions take one example, and `jax.vmap` makes it a batch, unless the object is a set,
as q(z) is. Every logarithm is natural: all values are in nats, summed over an example's
dimensions and never averaged over them. What is sampled comes with its standard error,
as `estimate.Estimate`.

Arrays may be NumPy's, or whatever `np.asarray` takes; JAX arrays come back. They are
computed and returned in float32, those of half precision and whole numbers too, and in
float64 if one of them is of float64 under `jax_enable_x64`: see `numerics.floats`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decomp.fitting import fit
    from decomp.trained import load

__all__ = ["fit", "load"]

_PLACES = {"fit": "decomp.fitting", "load": "decomp.trained"}


def __getattr__(name: str) -> Any:
    """Imports `fit` and `load` when they are first used: they need optax."""
    if name in _PLACES:
        import importlib

        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'decomp' has no attribute {name!r}")
