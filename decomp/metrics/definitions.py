"""The entries of the sheet: how each number is made, what it is, and where it is from.

Every entry is of codes `[N, D]` and classes `[N, F]` as `inputs` makes them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import (
    active_units,
    dci,
    higgins,
    hoyer,
    infoe,
    infomec,
    irs,
    kim_mnih,
    mig,
    modularity,
    sap,
    units,
    unsupervised,
)
from decomp.metrics.solvers import fitted


class Entry(NamedTuple):
    """A number of the sheet: of a key, `units.Codes`, classes and their numbers."""

    measure: Callable[[jax.Array, Any, jax.Array, tuple[int, ...]], Any]
    definition: str
    source: str


POINTS = 10_000  # of InfoE at most

_KIM_MNIH = "accuracy of the vote argmin_d Var[z_d ∣ v_f]/Var[z_d] → f"
_MIG = "mean_f (largest − second I(z_d; v_f))/H(v_f), {}"
_DCI = "1 − H of importances over factors, {}"
_LOCATELLO = "Locatello et al. 2019"


def _explicitness(
    key: jax.Array, z: units.Codes, classes: jax.Array, sizes: tuple[int, ...]
) -> jax.Array:
    """On points that were not fitted, in Locatello et al.'s numbers."""
    train, test = fitted.split(key, len(classes), num_train=10_000, num_test=5_000)
    parts = (units.rows(z, train), classes[train], units.rows(z, test), classes[test])
    return modularity.explicitness(*parts, sizes=sizes).score


def _infoe(
    key: jax.Array, z: units.Codes, classes: jax.Array, sizes: tuple[int, ...]
) -> jax.Array:
    """Of some of the points, if there are more."""
    rows = jax.random.permutation(key, len(classes))[:POINTS]
    return infoe.score(units.rows(z, rows), classes[rows], sizes=sizes).score


ENTRIES: dict[tuple[str, str], Entry] = {
    ("kim_mnih", "locatello"): Entry(
        lambda key, z, v, s: kim_mnih.score(key, z, v).score,
        f"{_KIM_MNIH}; std ≥ 0.05, held-out votes of 64",
        _LOCATELLO,
    ),
    ("kim_mnih", "authors"): Entry(
        lambda key, z, v, s: kim_mnih.score(key, z, v, preset="authors").score,
        f"{_KIM_MNIH}; no pruning, training votes of 1,000",
        "Mathieu et al. 2018, released code",
    ),
    ("kim_mnih", "kim_mnih"): Entry(
        lambda key, z, v, s: kim_mnih.score(key, z, v, preset="kim_mnih").score,
        f"{_KIM_MNIH}; std ≥ 0.05, training votes of 200",
        "Kim & Mnih 2018",
    ),
    ("kim_mnih", "enumerated"): Entry(
        lambda key, z, v, s: kim_mnih.enumerated(z, v, sizes=s).score,
        f"{_KIM_MNIH}; std ≥ 0.05, all votes of all points: the limit",
        "Kim & Mnih 2018; no sampling",
    ),
    ("higgins", "locatello"): Entry(
        lambda key, z, v, s: higgins.score(key, z, v).score,
        "accuracy of a linear classifier of f from abs(z − z') of pairs sharing v_f",
        "Higgins et al. 2017; Locatello et al. 2019",
    ),
    ("mig", "locatello"): Entry(
        lambda key, z, v, s: mig.score(z, v, sizes=s).score,
        _MIG.format("20 bins of the codes"),
        "Chen et al. 2018; Locatello et al. 2019",
    ),
    ("mig", "50 bins"): Entry(
        lambda key, z, v, s: mig.score(z, v, sizes=s, bins=50).score,
        _MIG.format("50 bins of the codes"),
        "Chen et al. 2018",
    ),
    ("mig", "binned factors"): Entry(
        lambda key, z, v, s: mig.score(z, v, sizes=s, preset="binned_factors").score,
        _MIG.format("20 bins of the codes; factors in 20 bins too (a known defect)"),
        "for comparison only",
    ),
    ("mig", "exact"): Entry(
        lambda key, q, v, s: mig.exact(key, Gaussian(*q), v, sizes=s).score,
        _MIG.format("10,000 samples of q(z), exact densities"),
        "Chen et al. 2018",
    ),
    ("modularity", "locatello"): Entry(
        lambda key, z, v, s: modularity.score(z, v, sizes=s).score,
        "mean_d 1 − Σ_{f≠best} I(z_d; v_f)²/(I(z_d; v_best)² (F − 1)), 20 bins",
        "Ridgeway & Mozer 2018",
    ),
    ("explicitness", "locatello"): Entry(
        _explicitness,
        "mean_f mean_v area under the curve of [v_f = v], logistic regression on z",
        "Ridgeway & Mozer 2018; Locatello et al. 2019",
    ),
    **{
        (name, rule): Entry(
            lambda key, z, v, s, part=part, rule=rule: getattr(
                infomec.score(z, v, sizes=s, preset=rule), part
            ),
            f"{symbol} of the normalised I(z_d; v_f), 20 bins, pruning rule {rule}",
            "Hsu et al. 2023",
        )
        for name, part, symbol in (
            ("infom", "score", "InfoM"),
            ("infoc", "compactness", "InfoC"),
        )
        for rule in infomec.PRESETS
    },
    ("infoe", "balanced"): Entry(
        _infoe,
        "mean_f 1 − log loss of logistic regression on z/that without z; fit balanced",
        "Hsu et al. 2023",
    ),
    ("dci disentanglement", "locatello"): Entry(
        lambda key, z, v, s: dci.score(key, z, v, continuous=()).score,
        _DCI.format("gradient boosting"),
        "Eastwood & Williams 2018; Locatello et al. 2019",
    ),
    ("dci disentanglement", "tripod"): Entry(
        lambda key, z, v, s: dci.score(key, z, v, preset="tripod", continuous=()).score,
        _DCI.format("random forest of depth 10"),
        "Hsu et al. 2024",
    ),
    ("dci disentanglement", "eastwood"): Entry(
        lambda key, z, v, s: (
            dci.score(key, z, v, preset="eastwood", continuous=()).score
        ),
        _DCI.format("lasso"),
        "Eastwood & Williams 2018",
    ),
    ("sap", "locatello"): Entry(
        lambda key, z, v, s: sap.score(key, z, v, sizes=s).score,
        "mean_f gap of the two best linear-SVM accuracies of v_f from one z_d",
        "Kumar et al. 2018; Locatello et al. 2019",
    ),
    ("sap", "r_squared"): Entry(
        lambda key, z, v, s: sap.r_squared(z, v).score,
        "mean_f gap of the two largest R² of v_f and one z_d",
        "Kumar et al. 2018",
    ),
    ("irs", "locatello"): Entry(
        lambda key, z, v, s: irs.score(z, v, sizes=s).score,
        "1 − deviation of z_d as other factors move, 99 % quantile",
        "Suter et al. 2019; Locatello et al. 2019",
    ),
    ("irs", "suter"): Entry(
        lambda key, z, v, s: irs.score(z, v, sizes=s, preset="suter").score,
        "1 − deviation of z_d as other factors move, maximum",
        "Suter et al. 2019",
    ),
    ("hoyer", "scaled"): Entry(
        lambda key, z, v, s: hoyer.score(z).score,
        "mean_n (√D − ‖z‖₁/‖z‖₂)/(√D − 1) of codes over their std",
        "Mathieu et al. 2019",
    ),
    ("active units", "0.01"): Entry(
        lambda key, z, v, s: active_units.score(z).score,
        "number of d with Var z_d > 0.01",
        "Burda et al. 2016",
    ),
    ("gaussian total correlation", "locatello"): Entry(
        lambda key, z, v, s: unsupervised.score(z).score,
        "½ (Σ_d log Cov_dd − log det Cov), nats",
        _LOCATELLO,
    ),
    ("wasserstein correlation", "locatello"): Entry(
        lambda key, z, v, s: unsupervised.score(z).wasserstein,
        "W₂² of N(0, Cov) and N(0, diag Cov)",
        _LOCATELLO,
    ),
    ("pairwise information", "locatello"): Entry(
        lambda key, z, v, s: unsupervised.score(z).mutual_information,
        "mean_{d≠e} I(z_d; z_e), 20 bins, nats",
        _LOCATELLO,
    ),
}
