"""The labels of settings in figures and reports, and those that a config adds.

These tables are those of the package; the entries of `experiments.models` take their
labels from here, as results are read without JAX. Labels that a config file registers
are added, stored in the workdir as labels.json, and loaded when the workdir is read.
"""

import pathlib
from typing import Any

from experiments.results import columns
from experiments.system import registry

PRIORS = {
    "isotropic": "isotropic Gaussian",
    "pca": "anisotropic Gaussian, PCA values",
    "learned": "anisotropic Gaussian, learned",
    "student_t": "Student-t",
}
OBJECTIVES = {
    "vae": "VAE",
    "beta_vae": "β-VAE",
    "beta_tcvae": "β-TCVAE",
    "factor_vae": "FactorVAE",
    "dip_vae_i": "DIP-VAE-I",
    "dip_vae_ii": "DIP-VAE-II",
    "info_vae": "InfoVAE",
    "wae_mmd": "WAE, MMD",
    "wae_gan": "WAE, GAN",
    "iwae": "IWAE",
    "hfvae": "HFVAE",
}
DIVERGENCES = {
    "kl_prior_aggregate": "KL(p‖q)",
    "kl_aggregate_prior": "KL(q‖p)",
    "mmd_rbf": "MMD, RBF",
    "mmd_imq": "MMD, IMQ",
    "mmd_rbf_dims": "MMD of marginals, RBF",
    "mmd_imq_dims": "MMD of marginals, IMQ",
    "sliced_wasserstein": "sliced Wasserstein",
    "jensen_shannon": "Jensen–Shannon",
}
WORDS = PRIORS | OBJECTIVES | DIVERGENCES
SYMBOLS = {
    "beta": "β",
    "alpha": "α",
    "gamma": "γ",
    "lambda": "λ",
    "lambda_od": "λ_od",
    "lambda_d": "λ_d",
    "df": "ν",
    "spike": "spike",
}
_OWN: dict[str, dict[str, Any]] = {"words": {}, "symbols": {}, "scores": {}}


def add_entry(table: dict[str, Any], entry: Any, kind: str) -> bool:
    """Adds an entry to a registry; also adds the label of an entry of a config file.

    Args:
        table: The registry, entries by name.
        entry: The entry, which has a name and a label.
        kind: The kind of entry, such as "prior".

    Returns:
        Whether the entry is of a config file, not of the package.

    Raises:
        ValueError: One line, for a name that is not valid or is taken.
    """
    registry.add(table, entry, kind)
    is_own = bool(registry.published(table))
    if is_own:
        add_word(entry.name, entry.label)
    return is_own


def add_word(name: str, label: str) -> None:
    """Adds the label of an objective, divergence, prior, network or data set."""
    _OWN["words"][name] = WORDS[name] = label


def add_symbol(weight: str, symbol: str) -> None:
    """Adds the symbol of a weight."""
    _OWN["symbols"][weight] = SYMBOLS[weight] = symbol


def add_score(name: str, label: str, text: str, *, of_factors: bool) -> None:
    """Adds the label and the definition of a score."""
    columns.add(name, label, text, of_factors=of_factors)
    _OWN["scores"][name] = [label, text, of_factors]


def is_own(name: str) -> bool:
    """Whether a config file registered the name."""
    return name in _OWN["words"]


def own_label(name: str) -> str:
    """The label of an entry that a config file registered; other names unchanged."""
    return _OWN["words"].get(name, name)


def own() -> dict[str, dict[str, Any]]:
    """The added labels, as in labels.json; empty if there are none."""
    return {kind: dict(found) for kind, found in _OWN.items() if found}


def learn(found: Any) -> None:
    """Adds the labels of a labels.json.

    Raises:
        ValueError: One line, if the contents are not valid.
    """
    try:
        for name, label in found.get("words", {}).items():
            add_word(str(name), str(label))
        for name, symbol in found.get("symbols", {}).items():
            add_symbol(str(name), str(symbol))
        for name, (label, text, of_factors) in found.get("scores", {}).items():
            add_score(str(name), str(label), str(text), of_factors=bool(of_factors))
    except (AttributeError, TypeError, ValueError):
        raise ValueError("expected the words, symbols and scores of a sweep") from None


def path(workdir: pathlib.Path) -> pathlib.Path:
    """The path of a workdir's labels."""
    return workdir / "labels.json"
