import jax
import numpy as np
import pytest

from decomp.metrics import definitions, sheet

GRID = np.stack(np.meshgrid(range(3), range(4), range(5), indexing="ij"), -1)
FACTORS = np.tile(GRID.reshape(-1, 3), (4, 1))


def lines(codes, factors=FACTORS, metrics=("mig", "modularity", "active units")):
    return sheet.sheet(jax.random.key(0), codes, factors, metrics=metrics)


def test_a_perfect_code_has_the_values_known_by_hand():
    values = {(line.metric, line.variant): line.value for line in lines(-2.0 * FACTORS)}
    np.testing.assert_allclose(values["mig", "locatello"], 1.0, atol=1e-6)
    np.testing.assert_allclose(values["mig", "50 bins"], 1.0, atol=1e-6)
    np.testing.assert_allclose(values["modularity", "locatello"], 1.0, atol=1e-6)
    assert values["active units", "0.01"] == 3.0


def test_every_line_has_a_definition_and_a_source():
    for (metric, variant), entry in definitions.ENTRIES.items():
        assert entry.definition, (metric, variant)
        assert entry.source, (metric, variant)


def test_the_spread_is_over_variants_of_one_metric():
    some = [
        sheet.Line("a", "1", 0.25, "", ""),
        sheet.Line("b", "1", 9.0, "", ""),
        sheet.Line("a", "2", 1.0, "", ""),
    ]
    assert sheet.spread(some) == {"a": 0.75}


@pytest.mark.parametrize(
    ("codes", "factors", "metrics", "message"),
    [
        (np.zeros(5), FACTORS, ("mig",), r"expected codes \[N, D\]; got shape \(5,\)"),
        (np.zeros((240, 2)), FACTORS[:, 0], ("mig",), r"expected factors \[N, F\]"),
        (np.zeros((9, 2)), FACTORS, ("mig",), "got 9 codes and 240 rows"),
        (np.full((240, 2), np.nan), FACTORS, ("mig",), "expected finite codes"),
        (np.full((240, 2), "a"), FACTORS, ("mig",), "expected numbers in codes"),
        (np.zeros((240, 2)), FACTORS, ("mug",), "unknown metric 'mug'; choices: kim_"),
        (np.zeros((1, 2)), FACTORS[:1], ("mig",), "2 or more; got 1 codes"),
    ],
)
def test_arrays_that_cannot_be_scored_are_refused_in_one_line(
    codes, factors, metrics, message
):
    with pytest.raises(ValueError, match=message) as error:
        lines(codes, factors, metrics)
    assert "\n" not in str(error.value)
