"""Families of distributions: one file each, functions over NamedTuple parameters.

A file has the parameters of *one* distribution with `log_prob`, `sample` and, where
they have closed forms, `entropy`, `kl`, `mean` and `covariance`. All axes of a
parameter are event axes; a batch is the same NamedTuple with a leading axis on every
leaf, under `jax.vmap`.
"""

import sys
from typing import Any


def family(p: Any) -> Any:
    """The module that defines the type of a distribution, with its functions.

    Args:
        p: Parameters of a distribution, such as `gaussian.Gaussian(loc, scale)`.

    Raises:
        TypeError: If that module has no `log_prob` or no `sample`.

    >>> from decomp import priors
    >>> family(priors.isotropic(2)).__name__
    'decomp.distributions.gaussian'
    """
    module = sys.modules[type(p).__module__]
    if not (hasattr(module, "log_prob") and hasattr(module, "sample")):
        raise TypeError(
            "a distribution must be a NamedTuple of a module with log_prob(p, z) and "
            f"sample(key, p), such as those of decomp.distributions; got {type(p)}."
        )
    return module
