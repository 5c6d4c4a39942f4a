"""The computation of each entry of `definitions`, as functions of one signature.

    measures.counted(key, codes, classes, sizes, of="mig", bins=50)

The arguments are a key, codes `[N, D]` or `units.Codes`, classes `[N, F]`, and the
number of classes of each factor; the result is a score `[]`. Each function imports its
metric when it is called, so that the registry can be read without JAX.
"""

import importlib
from typing import Any

INFOE_POINTS = 10_000  # the most points that InfoE is fitted to


def kim_mnih(key: Any, z: Any, v: Any, s: tuple[int, ...], *, preset: str) -> Any:
    """Kim & Mnih's score by a preset."""
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
    """A metric of codes and classes without random draws, by the name of its module."""
    module = importlib.import_module(f"decomp.metrics.{of}")
    return getattr(getattr(module, function)(z, v, sizes=s, **options), part)


def normalised_information(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """I(z_d; v_f)/H(v_f) `[D, F]`, of the MIG; 0 for a constant factor."""
    from decomp.metrics import discrete, mig

    gap = mig.score(z, v, sizes=s)
    return discrete.safe_divide(gap.information, gap.entropy[None, :])


def posteriors(
    key: Any,
    q: Any,
    v: Any,
    s: tuple[int, ...],
    *,
    of: str,
    function: str = "score",
) -> Any:
    """A metric of posteriors in the units of the prior, by the name of its module."""
    module = importlib.import_module(f"decomp.metrics.{of}")
    return getattr(module, function)(q.as_given, v, sizes=s).score


def z_max_variance(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """The Z-max variance score."""
    from decomp.metrics import z_max_variance

    return z_max_variance.score(key, z, v).score


def higgins(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """Higgins et al.'s score."""
    from decomp.metrics import higgins

    return higgins.score(key, z, v).score


def mig_exact(key: Any, q: Any, v: Any, s: tuple[int, ...]) -> Any:
    """The MIG under q(z), from posteriors."""
    from decomp.metrics import mig

    return mig.exact(key, q.own_units, v, sizes=s).score


def explicitness(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """Explicitness on held-out points, with Locatello et al.'s numbers of points."""
    from decomp.metrics import inputs, modularity, units
    from decomp.metrics.solvers import fitted

    z = inputs.codes(z)
    train, test = fitted.split(key, len(v), num_train=10_000, num_test=5_000)
    parts = (units.rows(z, train), v[train], units.rows(z, test), v[test])
    return modularity.explicitness(*parts, sizes=s).score


def infoe(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """InfoE on a random subset of at most `INFOE_POINTS` points."""
    import jax

    from decomp.metrics import infoe, inputs, units

    table = inputs.table(v)
    rows = jax.random.permutation(key, len(table.classes))[:INFOE_POINTS]
    subset = jax.tree.map(lambda leaf: leaf[rows], table)
    return infoe.score(units.rows(inputs.codes(z), rows), subset, sizes=s).score


def dci_fit(key: Any, z: Any, v: Any, s: tuple[int, ...], *, preset: str) -> Any:
    """The three DCI scores by the regressor of a preset; scikit-learn fits it."""
    from decomp.metrics import dci, inputs

    return dci.score(key, z, inputs.of_table(v, s), preset=preset)


def dci(
    key: Any, z: Any, v: Any, s: tuple[int, ...], *, preset: str, part: str = "score"
) -> Any:
    """One of the three DCI scores."""
    return getattr(dci_fit(key, z, v, s, preset=preset), part)


def edi_fit(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """The three EDI scores from nearest neighbours; SciPy searches them."""
    from decomp.metrics import edi

    return edi.score_neighbours(z, v)


def sap(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """SAP with linear support vector machines."""
    from decomp.metrics import sap

    return sap.score(key, z, v, sizes=s).score


def r_squared(key: Any, z: Any, v: Any, s: tuple[int, ...]) -> Any:
    """SAP with R²; classes are used as numbers."""
    from decomp.metrics import sap

    return sap.r_squared(z, v).score


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
    """One of the scores of the dependence between latents."""
    from decomp.metrics import unsupervised

    return getattr(unsupervised.score(z, **options), part)
