"""The registry of metrics: the computation, the definition and the source of each.

`sheet` computes all entries, and a sweep of `experiments` measures the entries that
have a column. Both know an entry that is registered here:

    definitions.register(definitions.Entry("mine", "own", measure, "what it is", ""))

An entry imports its metric when it is measured, see `measures`. So the names and the
texts can be read without JAX, for example to show finished results.
"""

import functools
import math

from decomp.metrics import measures
from decomp.metrics.entry import Entry, ScoreColumn

_KIM_MNIH = "accuracy of the vote argmin_d Var[z_d ∣ v_f]/Var[z_d] → f"
_MIG = "mean_f (largest − second I(z_d; v_f))/H(v_f), {}"
_DCI = {
    "disentanglement": "1 − H of importances over factors, {}",
    "completeness": "1 − H of importances over latents, {}",
    "informativeness": "mean_f accuracy, or R² of numbers, on held-out points, {}",
}
_LOCATELLO, _KIM = "Locatello et al. 2019", "Kim & Mnih 2018"


_INFOMEC = (("infom", "score", "InfoM"), ("infoc", "compactness", "InfoC"))
# The keys of `infomec.PRESETS`; sweeps measure the first.
_RULES = ("latent_quantization", "latent_quantization_eighth", "tripod")
_MODULARITY = "mean_d 1 − Σ_{f≠best} I(z_d; v_f)²/(I(z_d; v_best)² (F − 1))"
_MILLER = "Miller 1955"
_CORRECTED = "corrected for the plug-in bias"
_CORRECTION = {"correction": "miller_madow"}
_JEMMIG = "mean_f 1 − (H(z*, v_f) − I(z*; v_f) + I(z°; v_f))/(H(v_f) + log bins)"
_GAPS = (
    (
        "mig-sup",
        "mig_sup",
        "mean_d largest − second I(z_d; v_f)/H(v_f)",
        "Li et al. 2020",
    ),
    (
        "dcimig",
        "dcimig",
        "Σ_f S_f/Σ_f H(v_f), S_f = max (I(z_d; v_f) − second) over the d with best f",
        "Sepliarskaia et al. 2019",
    ),
    ("jemmig", "jemmig", _JEMMIG, "Do & Tran 2020"),
)
_SHARES = "R_df = I(z_d; v_f)/{}, ε = largest − root mean square of the others, {}"
_EDI = (
    ("modularity", "score", f"mean_f min(1, Σ ε(R_d1 …) over d of best f), {_SHARES}"),
    ("compactness", "compactness", f"mean_f ε(R_1f …), {_SHARES}"),
    ("explicitness", "explicitness", "mean_f min(1, {}/H(v_f)), {}"),
)
# The most half samples of slow entries, see `Entry.halves`.
_FEW = 20  # for classifiers that are fitted, and for draws of many points
_FEWER = 10  # for the most draws, 1,000 points per vote
_TREES = 6  # for trees, which take minutes
_DCI_PARTS = (
    ("disentanglement", "score"),
    ("completeness", "completeness"),
    ("informativeness", "informativeness"),
)
# Preset, regressor, source, half samples, and (points fitted, points used).
_REGRESSORS = (
    (
        "locatello",
        "gradient boosting",
        "Eastwood & Williams 2018; Locatello et al. 2019",
        _TREES,
        (10_000, 15_000),
    ),
    ("tripod", "random forest of depth 10", "Hsu et al. 2024", _TREES, (9_000, 10_000)),
    (
        "forest",
        "random forest of 20 trees of depth 10",
        "Hsu et al. 2024, a fifth of its trees",
        10,
        (9_000, 10_000),
    ),
    ("eastwood", "lasso", "Eastwood & Williams 2018", _FEW, (8_000, 10_000)),
)
_FITS = {
    preset: functools.partial(measures.dci_fit, preset=preset)
    for preset, *_ in _REGRESSORS
}
_unit = functools.partial(Entry, bounds=(0.0, 1.0))
_apart = functools.partial(_unit, apart=True)
_drawn = functools.partial(_unit, draws=True, halves=_FEW)
_alone = functools.partial(
    _unit, of_factors=False, bounds=(0.0, math.inf), beside="active units"
)
_regressed = functools.partial(_apart, numbers=True)
_ENTRIES = (
    *(
        _drawn(
            "kim_mnih",
            preset,
            functools.partial(measures.kim_mnih, preset=preset),
            f"{_KIM_MNIH}; {votes}",
            source,
            halves=halves,
        )
        for preset, votes, source, halves in (
            ("locatello", "std ≥ 0.05, held-out votes of 64 points", _LOCATELLO, _FEW),
            (
                "authors",
                "no pruning, training votes of 1,000 points",
                "Mathieu et al. 2018, released code",
                _FEWER,
            ),
            ("kim_mnih", "std ≥ 0.05, training votes of 200 points", _KIM, _FEW),
        )
    ),
    _unit(
        "kim_mnih",
        "enumerated",
        functools.partial(measures.counted, of="kim_mnih", function="enumerated"),
        f"{_KIM_MNIH}; std ≥ 0.05, all votes of all points: the limit",
        "Kim & Mnih 2018; no sampling",
    ),
    _drawn(
        "z-max variance",
        "carbonneau",
        measures.z_max_variance,
        "accuracy of the vote argmax_d Var[z_d ∣ all factors but v_f]/Var[z_d] → f; "
        "std ≥ 0.05, held-out votes of 200 points",
        "Kim et al. 2019; Carbonneau et al. 2022",
    ),
    _drawn(
        "higgins",
        "locatello",
        measures.higgins,
        "accuracy of a linear classifier of f from mean abs(z − z') over pairs that "
        "share v_f",
        "Higgins et al. 2017; Locatello et al. 2019",
    ),
    _apart(
        "mig",
        "locatello",
        functools.partial(measures.counted, of="mig"),
        _MIG.format("20 bins of the codes"),
        "Chen et al. 2018; Locatello et al. 2019",
        column=ScoreColumn("mig", "MIG", "mutual information gap"),
    ),
    _apart(
        "mig",
        "50 bins",
        functools.partial(measures.counted, of="mig", bins=50),
        _MIG.format("50 bins of the codes"),
        "Chen et al. 2018",
    ),
    _apart(
        "mig",
        "binned factors",
        functools.partial(measures.counted, of="mig", preset="binned_factors"),
        _MIG.format("20 bins of the codes; factors in 20 bins too (a known defect)"),
        "for comparison only",
    ),
    _apart(
        "mig",
        "miller_madow",
        functools.partial(measures.counted, of="mig", **_CORRECTION),
        _MIG.format(f"20 bins of the codes, {_CORRECTED}"),
        f"Chen et al. 2018; {_MILLER}",
        unasked=False,
    ),
    _drawn(
        "mig",
        "exact",
        measures.mig_exact,
        _MIG.format("10,000 samples of q(z), exact densities"),
        "Chen et al. 2018",
        posteriors=True,
    ),
    _unit(
        "mig",
        "rmig",
        functools.partial(measures.posteriors, of="rmig"),
        _MIG.format("posteriors' mass in 100 bins from −4 to 4"),
        "Do & Tran 2020",
        posteriors=True,
        halves=_FEW,
    ),
    *(
        _apart(
            metric,
            preset,
            functools.partial(measures.counted, of=module, preset=preset),
            f"{definition}, {bins} bins",
            f"{source}; {bins_of}",
            unasked=preset == "carbonneau",
            beside="mig-sup",
        )
        for metric, module, definition, source in _GAPS
        for preset, bins, bins_of in (
            ("carbonneau", 10, "Carbonneau et al. 2022"),
            ("locatello", 20, _LOCATELLO),
        )
    ),
    _unit(
        "jemmig",
        "do_tran",
        functools.partial(measures.posteriors, of="jemmig", function="of_posteriors"),
        f"{_JEMMIG}, posteriors' mass in 100 bins from −4 to 4",
        "Do & Tran 2020",
        posteriors=True,
        halves=_FEW,
    ),
    _apart(
        "modularity",
        "locatello",
        functools.partial(measures.counted, of="modularity"),
        f"{_MODULARITY}, 20 bins",
        "Ridgeway & Mozer 2018",
        column=ScoreColumn("modularity", "modularity"),
        beside="mig",
    ),
    _apart(
        "modularity",
        "miller_madow",
        functools.partial(measures.counted, of="modularity", **_CORRECTION),
        f"{_MODULARITY}, 20 bins, {_CORRECTED}",
        f"Ridgeway & Mozer 2018; {_MILLER}",
        unasked=False,
        beside="mig",
    ),
    _regressed(
        "modularity",
        "neighbours",
        functools.partial(
            measures.counted, of="modularity", function="score_neighbours"
        ),
        f"{_MODULARITY}, I from 3 nearest neighbours, without bins",
        "Ridgeway & Mozer 2018; Kraskov et al. 2004; Ross 2014",
        compiled=False,
        unasked=False,
        halves=_FEW,
    ),
    *(
        entry
        for metric, part, definition in _EDI
        for entry in (
            _apart(
                f"edi {metric}",
                "julka",
                functools.partial(measures.counted, of="edi", part=part),
                definition.format("max_e I(z_e; v_f)", "30 bins"),
                "Julka et al. 2024, released code",
                beside="mig-sup",
            ),
            _regressed(
                f"edi {metric}",
                "neighbours",
                functools.partial(
                    measures.counted, of="edi", function="score_neighbours", part=part
                ),
                definition.format("I(z; v_f)", "I from 3 nearest neighbours"),
                "Julka et al. 2024; Kraskov et al. 2004; Ross 2014",
                compiled=False,
                unasked=False,
                shared=measures.edi_fit,
                part=part,
                halves=_FEW,
            ),
        )
    ),
    _drawn(
        "explicitness",
        "locatello",
        measures.explicitness,
        "mean_f mean_v area under the ROC curve of [v_f = v], by logistic regression "
        "on z",
        "Ridgeway & Mozer 2018; Locatello et al. 2019",
        column=ScoreColumn("explicitness", "explicitness", auto=False),
        apart=True,
        counted=(5_000, 15_000),
    ),
    *(
        _apart(
            metric,
            rule,
            functools.partial(measures.counted, of="infomec", part=part, preset=rule),
            f"{symbol} of the normalised I(z_d; v_f), 20 bins, pruning rule {rule}",
            "Hsu et al. 2023",
            column=ScoreColumn(metric, symbol) if rule == _RULES[0] else None,
            beside="mig",
        )
        for metric, part, symbol in _INFOMEC
        for rule in _RULES
    ),
    *(
        _apart(
            metric,
            "miller_madow",
            functools.partial(measures.counted, of="infomec", part=part, **_CORRECTION),
            f"{symbol} of the normalised I(z_d; v_f), 20 bins, {_CORRECTED}, pruning "
            f"rule {_RULES[0]}",
            f"Hsu et al. 2023; {_MILLER}",
            unasked=False,
            beside="mig",
        )
        for metric, part, symbol in _INFOMEC
    ),
    _regressed(
        "infoe",
        "balanced",
        measures.infoe,
        "mean_f 1 − L(v_f∣z)/L(v_f), L the log loss of logistic regression with "
        "balanced classes",
        "Hsu et al. 2023",
        draws=True,
        bounds=(-math.inf, 1.0),
        halves=_FEW,
        counted=(measures.INFOE_POINTS, measures.INFOE_POINTS),
    ),
    *(
        _regressed(
            f"dci {part}",
            preset,
            functools.partial(measures.dci, preset=preset, part=field),
            _DCI[part].format(regressor),
            source,
            draws=True,
            compiled=False,
            unasked=halves > _TREES,
            shared=_FITS[preset],
            part=field,
            halves=halves,
            counted=counted if part != "informativeness" else None,
            bounds=(-math.inf, 1.0) if part == "informativeness" else (0.0, 1.0),
        )
        for part, field in _DCI_PARTS
        for preset, regressor, source, halves, counted in _REGRESSORS
    ),
    _drawn(
        "sap",
        "locatello",
        measures.sap,
        "mean_f gap between the two best accuracies of a linear SVM for v_f from one "
        "z_d",
        "Kumar et al. 2018; Locatello et al. 2019",
        apart=True,
        counted=(5_000, 15_000),
    ),
    _regressed(
        "sap",
        "r_squared",
        measures.r_squared,
        "mean_f gap between the two largest R² of v_f and one z_d",
        "Kumar et al. 2018",
        column=ScoreColumn("sap", "SAP"),
    ),
    _unit(
        "irs",
        "locatello",
        functools.partial(measures.counted, of="irs", preset="locatello"),
        "1 − deviation of z_d at fixed v_f/its largest deviation, 99 % quantile",
        "Suter et al. 2019; Locatello et al. 2019",
        column=ScoreColumn("irs", "IRS", auto=False),
        bounds=(-math.inf, 1.0),
    ),
    _unit(
        "irs",
        "suter",
        functools.partial(measures.counted, of="irs", preset="suter"),
        "1 − deviation of z_d at fixed v_f/its largest deviation, maximum",
        "Suter et al. 2019",
        bounds=(-math.inf, 1.0),
    ),
    _unit(
        "hoyer",
        "scaled",
        measures.hoyer,
        "mean_n (√D − ‖z‖₁/‖z‖₂)/(√D − 1) of codes over their std",
        "Mathieu et al. 2019",
        of_factors=False,
        column=ScoreColumn("hoyer", "hoyer", "Hoyer sparsity"),
    ),
    _alone(
        "active units",
        "0.01",
        measures.active_units,
        "number of d with Var z_d > 0.01",
        "Burda et al. 2016",
    ),
    _alone(
        "gaussian total correlation",
        "locatello",
        functools.partial(measures.unsupervised, part="score"),
        "½ (Σ_d log Cov_dd − log det Cov), nats",
        _LOCATELLO,
        column=ScoreColumn(
            "gaussian_tc", "Gaussian TC", "Gaussian total correlation  (nats)"
        ),
    ),
    _alone(
        "wasserstein correlation",
        "locatello",
        functools.partial(measures.unsupervised, part="wasserstein"),
        "W₂² of N(0, Cov) and N(0, diag Cov)",
        _LOCATELLO,
    ),
    _alone(
        "wasserstein correlation",
        "normalised",
        functools.partial(measures.unsupervised, part="wasserstein_normalised"),
        "W₂² of N(0, Cov) and N(0, diag Cov), / tr Cov",
        _LOCATELLO,
        unasked=False,
        column=ScoreColumn(
            "gaussian_wasserstein", "Gaussian W₂²", "Gaussian Wasserstein correlation"
        ),
    ),
    _alone(
        "pairwise information",
        "locatello",
        functools.partial(measures.unsupervised, part="mutual_information"),
        "mean_{d≠e} I(z_d; z_e), 20 bins, nats",
        _LOCATELLO,
        column=ScoreColumn(
            "pairwise_information", "I(z_d; z_e)", "mean I(z_d; z_e)  (nats)"
        ),
    ),
    _alone(
        "pairwise information",
        "miller_madow",
        functools.partial(
            measures.unsupervised, part="mutual_information", **_CORRECTION
        ),
        f"mean_{{d≠e}} I(z_d; z_e), 20 bins, {_CORRECTED}, nats",
        f"{_LOCATELLO}; {_MILLER}",
        unasked=False,
    ),
)
ENTRIES: dict[tuple[str, str], Entry] = {entry.name: entry for entry in _ENTRIES}
# The maps of a sheet, matrices `[D, F]`. Each is computed together with some scores.
MAPS: dict[str, Entry] = {
    "information": _apart(
        "mig",
        "information",
        measures.normalised_information,
        "I(z_d; v_f)/H(v_f), 20 bins of the codes",
        _LOCATELLO,
    ),
    "importance": _regressed(
        "dci importance",
        "forest",
        functools.partial(measures.dci, preset="forest", part="importance"),
        "importance of z_d for v_f, random forest of 20 trees of depth 10",
        "Hsu et al. 2024, a fifth of its trees",
        draws=True,
        compiled=False,
        shared=_FITS["forest"],
        part="importance",
    ),
}


def register(entry: Entry) -> None:
    """Adds an entry, or replaces one that was registered under the same name.

    Args:
        entry: The entry. A sheet finds it by its metric and variant, and a sweep by its
            column.

    Raises:
        ValueError: One line, if the package has that metric and variant.
    """
    if entry.name in {builtin.name for builtin in _ENTRIES}:
        raise ValueError(
            f"the metric {', '.join(entry.name)} is taken by the package; choose "
            "another name or variant."
        )
    ENTRIES[entry.name] = entry


def find(name: tuple[str, str]) -> Entry:
    """The entry or the map of this name.

    >>> find(("mig", "information")).definition
    'I(z_d; v_f)/H(v_f), 20 bins of the codes'
    """
    return (ENTRIES | {entry.name: entry for entry in MAPS.values()})[name]


def columns() -> dict[str, Entry]:
    """The entries that a sweep may measure, by the names of their columns.

    >>> columns()["mig"].name
    ('mig', 'locatello')
    """
    return {e.column.name: e for e in ENTRIES.values() if e.column is not None}
