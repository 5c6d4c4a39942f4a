import numpy as np
import pytest

from experiments.findings import load, weights

CHANGES = ({}, {"beta": 1.0}, {"gamma": 4.0})


@pytest.fixture
def sweep():
    """Three seeds; each change adds 1 nat to TC, 3 to KL(q ‖ p), and seed/10 to MIG."""
    runs = []
    for change in CHANGES:
        for seed in range(3):
            changed = float(bool(change))
            scores = {
                "mutual_information": 8.0,
                "total_correlation": 2.0 + changed,
                "kl_aggregate_prior": 5.0 + 3 * changed,
                "active": 6.0,
                "mig": 0.2 + changed * seed / 10,
            }
            runs.append({"seed": float(seed), **weights.START, **change, **scores})
    return load.SweepTables("tc", {}, {}, runs, 0, ["alpha", "beta", "gamma"])


def test_the_dimension_wise_kl_is_what_the_total_correlation_leaves(sweep):
    head, _, start, *rows = weights.table(sweep).splitlines()
    assert [cell.strip() for cell in start.split("|")[2:-1]] == [
        *("8", "2", "3", "6", "0.2")
    ]
    place = [cell.strip() for cell in head.split("|")].index("dimension-wise KL")
    assert len(rows) == len(CHANGES) - 1
    for row in rows:
        assert row.split("|")[place].strip() == "+2.000 ± 0.000"


def test_changes_are_paired_by_seed_with_intervals_that_hold_together(sweep):
    rows = weights.table(sweep).splitlines()[3:]
    # A t-quantile of 1 − .05/4 with 2 degrees of freedom, times .1/√3.
    half = 6.205347 * 0.1 / np.sqrt(3)
    for row in rows:
        assert row.split("|")[-2].strip() == f"+0.10 ± {half:.2f}"
