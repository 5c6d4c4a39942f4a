"""The metrics of `config.evaluate.metrics`, by name; `results.columns` has the rest."""

from collections.abc import Callable, Sequence

import jax

from decomp.metrics import hoyer, infomec, mig, modularity, sap, unsupervised
from experiments.results import columns

# Of codes [N, D], classes [N, F] and how many there are.
METRICS: dict[str, Callable[..., jax.Array]] = {
    "mig": lambda codes, classes, sizes: mig.score(codes, classes, sizes=sizes).score,
    "modularity": lambda codes, classes, sizes: (
        modularity.score(codes, classes, sizes=sizes).score
    ),
    "infom": lambda codes, classes, sizes: (
        infomec.score(codes, classes, sizes=sizes).score
    ),
    "infoc": lambda codes, classes, sizes: (
        infomec.score(codes, classes, sizes=sizes).compactness
    ),
    "hoyer": lambda codes, classes, sizes: hoyer.score(codes).score,
    "sap": lambda codes, classes, sizes: sap.r_squared(codes, classes).score,
    "gaussian_tc": lambda codes, classes, sizes: unsupervised.score(codes).score,
    "gaussian_wasserstein": lambda codes, classes, sizes: (
        unsupervised.score(codes).wasserstein_normalised
    ),
    "pairwise_information": lambda codes, classes, sizes: (
        unsupervised.score(codes).mutual_information
    ),
}


def chosen(names: Sequence[str], num_factors: int) -> tuple[str, ...]:
    """The metrics asked for; auto is those of factors, or those of codes without any.

    Raises:
        ValueError: For metrics of factors where there are none.
    """
    factors = num_factors > 1
    default = columns.OF_FACTORS if factors else columns.OF_CODES
    wanted = [m for name in names for m in (default if name == "auto" else [name])]
    if not factors and set(wanted) & set(columns.OF_FACTORS):
        found = "a class alone" if num_factors else "none"
        raise ValueError(
            f"evaluate.metrics = {tuple(names)} expects data with two factors or more; "
            f"got {found}, choices: {', '.join(columns.OF_CODES)}, auto."
        )
    return tuple(dict.fromkeys(wanted))
