"""Codes and factors of different numbers of rows are refused, by every metric alike."""

import jax
import numpy as np
import pytest

from decomp.metrics import (
    dci,
    dcimig,
    discrete,
    edi,
    higgins,
    infoe,
    infomec,
    irs,
    jemmig,
    kim_mnih,
    mig,
    mig_sup,
    modularity,
    sap,
    z_max_variance,
)

KEY = jax.random.key(0)
CODES = np.zeros((5, 2), np.float32) + np.arange(5, dtype=np.float32)[:, None]
FACTORS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 2)

METRICS = {
    "dci": lambda: dci.score(KEY, CODES, FACTORS),
    "dcimig": lambda: dcimig.score(CODES, FACTORS),
    "edi": lambda: edi.score(CODES, FACTORS),
    "edi, neighbours": lambda: edi.score_neighbours(CODES, FACTORS),
    "higgins": lambda: higgins.score(KEY, CODES, FACTORS),
    "infoe": lambda: infoe.score(CODES, FACTORS),
    "infomec": lambda: infomec.score(CODES, FACTORS),
    "irs": lambda: irs.score(CODES, FACTORS),
    "jemmig": lambda: jemmig.score(CODES, FACTORS),
    "kim_mnih": lambda: kim_mnih.score(KEY, CODES, FACTORS),
    "mig": lambda: mig.score(CODES, FACTORS),
    "mig_sup": lambda: mig_sup.score(CODES, FACTORS),
    "modularity": lambda: modularity.score(CODES, FACTORS),
    "mutual information": lambda: discrete.mutual_information(
        np.zeros((5, 2), np.int32), FACTORS, sizes=(2, 2), bins=2
    ),
    "sap": lambda: sap.score(KEY, CODES, FACTORS),
    "z_max_variance": lambda: z_max_variance.score(KEY, CODES, FACTORS),
}


@pytest.mark.parametrize("metric", METRICS)
def test_other_numbers_of_rows_are_refused_in_one_line(metric):
    words = "same number of rows, .*; got 5 codes and 8 rows of factors.$"
    with pytest.raises(ValueError, match=words):
        METRICS[metric]()
