"""How each entry of `definitions` is measured: functions of one signature.

    measures.counted(key, codes, classes, sizes, of="mig", bins=50)

Codes are `[N, D]` or `units.Codes`, classes `[N, F]`, and sizes their numbers. Each
imports its metric when it measures, so that the registry is there without JAX.
"""

import importlib
from typing import Any

INFOE_POINTS = 10_000  # of InfoE at most


def kim_mnih(key: Any, z: Any, v: Any, s: tuple[int, ...], *, preset: str) -> Any:
    """Kim & Mnih's score, by a preset."""
    from decomp.metrics import kim_mnih

    return kim_mnih.score(key, z, v, preset=preset).score


def counted(
    key: Any,
    z: Any,
    v: Any,
    s: tuple[int, ...],
    *,
    of: str,
    function: str = "score",
    part: str = "score",
    **options: Any,
) -> Any:
    """A metric of codes and classes that draws nothing, by the name of its module."""
    module = importlib.import_module(f"decomp.metrics.{of}")
    return getattr(getattr(module, function)(z, v, sizes=s, **options), part)


def posteriors(
    key: Any,
    q: Any,
    v: Any,
    s: tuple[int, ...],
    *,
    of: str,
    function: str = "score",
) -> Any:
    """A metric of posteriors as they are, by the name of its module."""
    module = importlib.import_module(f"decomp.metrics.{of}")
    return getattr(module, function)(q.as_given, v, sizes=s).score


def z_max_variance(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """Z-max variance."""
    from decomp.metrics import z_max_variance

    return z_max_variance.score(key, z, v).score


def higgins(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """Higgins et al.'s score."""
    from decomp.metrics import higgins

    return higgins.score(key, z, v).score


def mig_exact(key: Any, q: Any, v: Any, s: tuple[int, ...]) -> Any:
    """The gap under q(z), of posteriors."""
    from decomp.metrics import mig

    return mig.exact(key, q.own_units, v, sizes=s).score


def explicitness(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """On points that were not fitted, in Locatello et al.'s numbers."""
    from decomp.metrics import inputs, modularity, units
    from decomp.metrics.solvers import fitted

    z = inputs.codes(z)
    train, test = fitted.split(key, len(v), num_train=10_000, num_test=5_000)
    parts = (units.rows(z, train), v[train], units.rows(z, test), v[test])
    return modularity.explicitness(*parts, sizes=s).score


def infoe(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """Of some of the points, if there are more."""
    import jax

    from decomp.metrics import infoe, inputs, units

    table = inputs.table(v)
    rows = jax.random.permutation(key, len(table.classes))[:INFOE_POINTS]
    some = jax.tree.map(lambda leaf: leaf[rows], table)
    return infoe.score(units.rows(inputs.codes(z), rows), some, sizes=s).score


def dci_fit(key: Any, z: Any, v: Any, s: tuple[int, ...], *, preset: str) -> Any:
    """The three scores by a preset's regressor, on the host."""
    from decomp.metrics import dci, inputs

    return dci.score(key, z, inputs.of_table(v, s), preset=preset)


def dci(
    key: Any, z: Any, v: Any, s: tuple[int, ...], *, preset: str, part: str = "score"
) -> Any:
    """One of the three scores."""
    return getattr(dci_fit(key, z, v, s, preset=preset), part)


def sap(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """The score with the linear machines."""
    from decomp.metrics import sap

    return sap.score(key, z, v, sizes=s).score


def r_squared(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """The score with R²."""
    from decomp.metrics import sap

    return sap.r_squared(z, v).score  # classes are their own numbers


def hoyer(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """Hoyer's sparsity."""
    from decomp.metrics import hoyer

    return hoyer.score(z).score


def active_units(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """The number of active latents."""
    from decomp.metrics import active_units

    return active_units.score(z).score


def unsupervised(
    key: Any, z: Any, v: Any, s: tuple[int, ...], *, part: str, **options: Any
) -> Any:
    """A part of the score of codes alone."""
    from decomp.metrics import unsupervised

    return getattr(unsupervised.score(z, **options), part)
