"""One sheet: the metrics of a representation, with the definition beside each number.

Variants of one metric stand side by side, as they differ more than methods do; `spread`
says by how much. Every number is of the same codes and factors. Some metrics fit models
of scikit-learn, so the sheet runs on the host; `FAST` names those that do not.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from decomp.metrics import (
    active_units,
    dci,
    discrete,
    higgins,
    hoyer,
    infomec,
    irs,
    kim_mnih_presets,
    mig,
    modularity,
    sap,
    unsupervised,
)


class Line(NamedTuple):
    """A number of the sheet."""

    metric: str
    variant: str
    value: float  # NaN where a code is not finite
    definition: str
    source: str


class _Entry(NamedTuple):
    measure: Callable[[jax.Array, jax.Array, jax.Array, tuple[int, ...]], Any]
    definition: str
    source: str


_KIM_MNIH = "accuracy of the vote argmin_d Var[z_d ∣ v_f]/Var[z_d] → f"
_MIG = "mean_f (largest − second I(z_d; v_f))/H(v_f), {} of the codes"
_DCI = "1 − H of importances over factors, {}"
_LOCATELLO = "Locatello et al. 2019"

_ENTRIES: dict[tuple[str, str], _Entry] = {
    ("kim_mnih", "locatello"): _Entry(
        lambda key, z, v, s: kim_mnih_presets.score(key, z, v).score,
        f"{_KIM_MNIH}; std ≥ 0.05, held-out votes of 64",
        _LOCATELLO,
    ),
    ("kim_mnih", "authors"): _Entry(
        lambda key, z, v, s: kim_mnih_presets.score(key, z, v, preset="authors").score,
        f"{_KIM_MNIH}; no pruning, training votes of 1,000",
        "Mathieu et al. 2018, released code",
    ),
    ("kim_mnih", "kim_mnih"): _Entry(
        lambda key, z, v, s: kim_mnih_presets.score(key, z, v, preset="kim_mnih").score,
        f"{_KIM_MNIH}; std ≥ 0.05, training votes of 200",
        "Kim & Mnih 2018",
    ),
    ("higgins", "locatello"): _Entry(
        lambda key, z, v, s: higgins.score(key, z, v).score,
        "accuracy of a linear classifier of f from abs(z − z') of pairs sharing v_f",
        "Higgins et al. 2017; Locatello et al. 2019",
    ),
    ("mig", "locatello"): _Entry(
        lambda key, z, v, s: mig.score(z, v, sizes=s).score,
        _MIG.format("20 bins"),
        "Chen et al. 2018; Locatello et al. 2019",
    ),
    ("mig", "50 bins"): _Entry(
        lambda key, z, v, s: mig.score(z, v, sizes=s, bins=50).score,
        _MIG.format("50 bins"),
        "Chen et al. 2018",
    ),
    ("mig", "binned factors"): _Entry(
        lambda key, z, v, s: mig.score(z, v, sizes=s, preset="binned_factors").score,
        _MIG.format("20 bins") + "; factors in 20 bins too (a known defect)",
        "for comparison only",
    ),
    ("modularity", "locatello"): _Entry(
        lambda key, z, v, s: modularity.score(z, v, sizes=s).score,
        "mean_d 1 − Σ_{f≠best} I(z_d; v_f)²/(I(z_d; v_best)² (F − 1)), 20 bins",
        "Ridgeway & Mozer 2018",
    ),
    **{
        (name, rule): _Entry(
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
    ("dci disentanglement", "locatello"): _Entry(
        lambda key, z, v, s: dci.score(key, z, v).score,
        _DCI.format("gradient boosting"),
        "Eastwood & Williams 2018; Locatello et al. 2019",
    ),
    ("dci disentanglement", "tripod"): _Entry(
        lambda key, z, v, s: dci.score(key, z, v, preset="tripod").score,
        _DCI.format("random forest of depth 10"),
        "Hsu et al. 2024",
    ),
    ("dci disentanglement", "eastwood"): _Entry(
        lambda key, z, v, s: dci.score(key, z, v, preset="eastwood").score,
        _DCI.format("lasso"),
        "Eastwood & Williams 2018",
    ),
    ("sap", "locatello"): _Entry(
        lambda key, z, v, s: sap.score(key, z, v).score,
        "mean_f gap of the two best linear-SVM accuracies of v_f from one z_d",
        "Kumar et al. 2018; Locatello et al. 2019",
    ),
    ("sap", "r_squared"): _Entry(
        lambda key, z, v, s: sap.r_squared(z, v).score,
        "mean_f gap of the two largest R² of v_f and one z_d",
        "Kumar et al. 2018",
    ),
    ("irs", "locatello"): _Entry(
        lambda key, z, v, s: irs.score(z, v).score,
        "1 − deviation of z_d as other factors move, 99 % quantile",
        "Suter et al. 2019; Locatello et al. 2019",
    ),
    ("irs", "suter"): _Entry(
        lambda key, z, v, s: irs.score(z, v, preset="suter").score,
        "1 − deviation of z_d as other factors move, maximum",
        "Suter et al. 2019",
    ),
    ("hoyer", "scaled"): _Entry(
        lambda key, z, v, s: hoyer.score(z).score,
        "mean_n (√D − ‖z‖₁/‖z‖₂)/(√D − 1) of codes over their std",
        "Mathieu et al. 2019",
    ),
    ("active units", "0.01"): _Entry(
        lambda key, z, v, s: active_units.score(z).score,
        "number of d with Var z_d > 0.01",
        "Burda et al. 2016",
    ),
    ("gaussian total correlation", "locatello"): _Entry(
        lambda key, z, v, s: unsupervised.score(z).score,
        "½ (Σ_d log Cov_dd − log det Cov), nats",
        _LOCATELLO,
    ),
    ("wasserstein correlation", "locatello"): _Entry(
        lambda key, z, v, s: unsupervised.score(z).wasserstein,
        "W₂² of N(0, Cov) and N(0, diag Cov)",
        _LOCATELLO,
    ),
    ("pairwise information", "locatello"): _Entry(
        lambda key, z, v, s: unsupervised.score(z).mutual_information,
        "mean_{d≠e} I(z_d; z_e), 20 bins, nats",
        _LOCATELLO,
    ),
}

METRICS = tuple(dict.fromkeys(metric for metric, _ in _ENTRIES))
_FITTED = ("higgins", "dci disentanglement", "sap")
FAST = tuple(metric for metric in METRICS if metric not in _FITTED)


def sheet(
    key: jax.Array,
    codes: Any,
    factors: Any,
    *,
    metrics: Sequence[str] = METRICS,
    bins: int = 20,
) -> list[Line]:
    """Computes the chosen metrics, every published variant of each.

    Args:
        key: Consumed.
        codes: One code a data point, such as the posterior means `[N, D]`.
        factors: Factors `[N, F]`, discrete or continuous.
        metrics: Names from `METRICS`, or `FAST` for those that fit no model.
        bins: Equal-width bins of a factor that is continuous.

    Returns:
        A line per metric and variant.

    Raises:
        ValueError: For an unknown metric, or arrays that cannot be scored.
    """
    for name in metrics:
        if name not in METRICS:
            raise ValueError(f"unknown metric '{name}'; choices: {', '.join(METRICS)}.")
    codes = _checked(codes, factors)
    classes, sizes = discrete.classes(factors, bins=bins)
    if max(sizes) < 2:
        raise ValueError("expected a factor with two values or more; every one has 1.")
    lines = []
    for index, ((metric, variant), entry) in enumerate(_ENTRIES.items()):
        if metric in metrics:
            part = jax.random.fold_in(key, index)
            value = float(entry.measure(part, codes, classes, sizes))
            lines.append(Line(metric, variant, value, entry.definition, entry.source))
    return lines


def spread(lines: Sequence[Line]) -> dict[str, float]:
    """Largest minus smallest value of the variants of each metric that has several."""
    values: dict[str, list[float]] = {}
    for line in lines:
        values.setdefault(line.metric, []).append(line.value)
    return {name: max(v) - min(v) for name, v in values.items() if len(v) > 1}


def _checked(codes: Any, factors: Any) -> jax.Array:
    """Codes as float32, if they and the factors can be scored together."""
    codes, factors = np.asarray(codes), np.asarray(factors)
    for name, table in (("codes [N, D]", codes), ("factors [N, F]", factors)):
        if table.ndim != 2 or 0 in table.shape:
            raise ValueError(f"expected {name}; got shape {table.shape}.")
        if table.dtype.kind not in "biuf":
            raise ValueError(f"expected numbers in {name}; got {table.dtype}.")
        if not np.isfinite(table).all():
            raise ValueError(f"expected finite {name}; some are NaN or infinite.")
    if len(codes) != len(factors) or len(codes) < 2:
        raise ValueError(
            "expected as many codes as factors, 2 or more; got "
            f"{len(codes)} codes and {len(factors)} rows of factors."
        )
    return jnp.asarray(codes, jnp.float32)
