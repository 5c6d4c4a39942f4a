"""The scores of a run: the definition and the unit of each column of scores.csv.

`decomp.metrics.definitions` has the metrics among them.
"""

from decomp.metrics import definitions
from decomp.metrics.definitions import Entry

_METRICS = definitions.columns()
_SHOWN = [entry.column for entry in _METRICS.values() if entry.column is not None]
# The columns that `evaluate.metrics` chooses: metrics that compare codes with factors,
# and metrics of codes only.
OF_FACTORS = [name for name, entry in _METRICS.items() if entry.of_factors]
OF_CODES = [name for name, entry in _METRICS.items() if not entry.of_factors]


def _text(entry: Entry) -> str:
    return f"{entry.definition}; of the posterior means ({entry.source})"


COLUMNS: dict[str, str] = {
    "loss": "minus the objective, over minibatches, nats per image or point",
    "reconstruction": "−log p(x|z) at one z ~ q(z|x), nats",
    "kl": "KL(q(z|x) ‖ p(z)), nats; from one sample if there is no closed form",
    "mismatch": "D(q(z), p(z)) as the objective estimates it, mean over minibatches",
    "log_det": "log|S(x)| of the posterior covariance, nats",
    "information_ratio": "I_q(z; n)/log n over n = evaluate.overlap_points; 1 means no "
    "overlap",
    "bhattacharyya": "∫ √(q(z|x) q(z|x')) dz, mean over pairs of the same n points; 0 "
    "means no overlap",
    "neighbours": "how many of the same n points share a z; 1 means no overlap",
    "mutual_information": "I_q(z; n) of the points scored, nats; at most log N",
    "total_correlation": "KL(q(z) ‖ Π_d q(z_d)) with q(z) of the points scored, nats",
    "kl_aggregate_prior": "KL(q(z) ‖ p(z)) with q(z) of the points scored, nats",
    "active": "number of latents whose means have a std above 0.05 of that of q(z_d)",
    "kim_mnih_pruned": "accuracy of predicting the fixed factor from the latent that "
    "varies least (Kim & Mnih), over active latents, on held-out votes (Locatello et "
    "al.)",
    "kim_mnih_authors": "accuracy of predicting the fixed factor from the latent that "
    "varies least (Kim & Mnih), over all latents, on training votes (Mathieu et al.)",
    "kim_mnih_pruned_transport": "kim_mnih_pruned of the means mapped to a Gaussian",
    "kim_mnih_authors_transport": "kim_mnih_authors of the means mapped to a Gaussian",
    **{name: _text(_METRICS[name]) for name in OF_FACTORS},
    "kl_prior_aggregate": "KL(p(z) ‖ q(z)) with exact q(z), by quadrature, nats",
    "tc_between": "TC of q(z) between the prior's subspaces, for the same points, nats",
    "tc_within": "TC of q(z) in these subspaces, summed, for the same n points, nats",
    **{name: _text(_METRICS[name]) for name in OF_CODES},
    "prior_mass": "mass of p(z) in the box of this quadrature; 1 if the box suffices",
}

_NAMES: dict[str, str] = {
    "kl": "KL",
    "log_det": "log|S|",
    "kim_mnih_pruned": "Kim & Mnih, pruned",
    "kim_mnih_authors": "Kim & Mnih, all latents",
    "total_correlation": "TC",
    "kl_aggregate_prior": "KL(q(z) ‖ p(z))",
    "kl_prior_aggregate": "KL(p(z) ‖ q(z))",
    "tc_between": "TC between subspaces",
    "tc_within": "TC inside subspaces",
    "mutual_information": "I(z; n)",
    **{column.name: column.label for column in _SHOWN},
}
# Labels of axes, with the units of scores; a plot says what an {example} is.
_AXES: dict[str, str] = {
    "reconstruction": "reconstruction loss  (nats per {example})",
    "kim_mnih_pruned": "Kim–Mnih score, inactive latents pruned",
    "kim_mnih_authors": "Kim–Mnih score, as the authors compute it",
    "total_correlation": "total correlation of q(z)  (nats)",
    "kl_aggregate_prior": "KL(q(z) ‖ p(z))  (nats)",
    "kl_prior_aggregate": "KL(p(z) ‖ q(z))  (nats)",
    "mutual_information": "I(z; n)  (nats)",
    "log_det": "mean of log |S(x)|  (nats)",
    "tc_between": "dependence between groups  (nats)",
    "tc_within": "dependence inside groups  (nats)",
    "active": "active latents",
    "kl": "KL(q(z|x) ‖ p(z))  (nats)",
    **{column.name: column.axis for column in _SHOWN if column.axis},
}


def metrics() -> tuple[str, ...]:
    """The allowed `evaluate.metrics`; auto means those that the factors allow."""
    return (*OF_FACTORS, *OF_CODES, "auto")


def add(column: str, label: str, text: str, *, of_factors: bool) -> None:
    """Adds or redefines a column, and allows it in `evaluate.metrics`."""
    COLUMNS[column], _NAMES[column] = text, label
    for names, wanted in ((OF_FACTORS, of_factors), (OF_CODES, not of_factors)):
        if column in names:
            names.remove(column)
        if wanted:
            names.append(column)


def name(column: str) -> str:
    """The name of a score in the header of a table, such as "MIG"."""
    base = column.removesuffix("_transport")
    short = _NAMES.get(base, base.replace("_", " "))
    return short if base == column else f"{short}, after transport"


def axis(column: str) -> str:
    """The name of a score at the axis of a figure, with its unit."""
    base = column.removesuffix("_transport")
    label = _AXES.get(base, name(base))
    return label if base == column else f"{label},\nafter transport to N(0, I)"
