"""The scores of a run: what each column of scores.csv is, and its unit."""

COLUMNS: dict[str, str] = {
    "loss": "minus the objective, in minibatches, nats per image or point",
    "reconstruction": "−log p(x|z) at one z ~ q(z|x), nats",
    "kl": "KL(q(z|x) ‖ p(z)), nats; one-sample where no closed form exists",
    "mismatch": "D(q(z), p(z)) as the objective estimates it, mean over minibatches",
    "log_det": "log|S(x)| of the posterior covariance, nats",
    "information_ratio": "I_q(z; n)/log n, n = evaluate.overlap_points: 1, no overlap",
    "bhattacharyya": "∫ √(q(z|x) q(z|x')) dz, mean over pairs of the same n points",
    "neighbours": "of the same n points, how many share a z: 1, no overlap",
    "active": "latents whose means spread over 0.05 of the std of q(z_d)",
    "kim_mnih_pruned": "Kim & Mnih, active latents, held-out votes (Locatello et al.)",
    "kim_mnih_authors": "Kim & Mnih, all latents, training votes (Mathieu et al.)",
    "kim_mnih_pruned_transport": "the same of the means mapped to a Gaussian",
    "kim_mnih_authors_transport": "the same of the means mapped to a Gaussian",
    "mig": "mutual information gap of the means, 20 bins (Chen et al.; Locatello)",
    "modularity": "modularity of the means, 20 bins (Ridgeway & Mozer)",
    "infom": "InfoM of the means, 20 bins, range above 1/20 (Hsu et al. 2023)",
    "infoc": "InfoC of the means, 20 bins, range above 1/20 (Hsu et al. 2023)",
    "sap": "gap of the two largest R² of a factor (Kumar et al.)",
    "kl_prior_aggregate": "KL(p(z) ‖ q(z)), exact q(z), by quadrature, nats",
    "tc_between": "TC of q(z) between the prior's subspaces, of the same points, nats",
    "tc_within": "TC of q(z) inside them, summed, of the same points, nats",
    "hoyer": "Hoyer sparsity of the means over their std (Mathieu et al. 2019)",
    "gaussian_tc": "total correlation of a Gaussian fitted to the means, nats",
    "gaussian_wasserstein": "W₂² of that Gaussian to one without correlations, / tr Σ",
    "pairwise_information": "I(z_d; z_e) of the means, 20 bins, mean over pairs, nats",
    "prior_mass": "of p(z) in the box of that quadrature",
    "mutual_information": "I_q(z; n), exact q(z), samples of z, nats; ≤ log N",
}

_NAMES: dict[str, str] = {
    "kl": "KL",
    "log_det": "log|S|",
    "kim_mnih_pruned": "Kim & Mnih, pruned",
    "kim_mnih_authors": "Kim & Mnih, all latents",
    "mig": "MIG",
    "infom": "InfoM",
    "infoc": "InfoC",
    "sap": "SAP",
    "kl_prior_aggregate": "KL(p(z) ‖ q(z))",
    "tc_between": "TC between subspaces",
    "tc_within": "TC inside subspaces",
    "gaussian_tc": "Gaussian TC",
    "gaussian_wasserstein": "Gaussian W₂²",
    "pairwise_information": "I(z_d; z_e)",
    "mutual_information": "I(z; n)",
}


# Of these columns, those that `evaluate.metrics` chooses: what compares codes with
# factors, and what looks at codes alone.
OF_FACTORS = ["mig", "modularity", "infom", "infoc", "sap"]
OF_CODES = ["hoyer", "gaussian_tc", "gaussian_wasserstein", "pairwise_information"]


def metrics() -> tuple[str, ...]:
    """What `evaluate.metrics` may say; auto is what the data have factors for."""
    return (*OF_FACTORS, *OF_CODES, "auto")


def add(column: str, label: str, text: str, *, of_factors: bool) -> None:
    """Adds a column, or says anew what it is, and lets `evaluate.metrics` choose it."""
    COLUMNS[column], _NAMES[column] = text, label
    for names, wanted in ((OF_FACTORS, of_factors), (OF_CODES, not of_factors)):
        if column in names:
            names.remove(column)
        if wanted:
            names.append(column)


def name(column: str) -> str:
    """What a score is called at the head of a table, such as "MIG"."""
    base = column.removesuffix("_transport")
    short = _NAMES.get(base, base.replace("_", " "))
    return short if base == column else f"{short}, after transport"
