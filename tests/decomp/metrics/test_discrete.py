from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import discrete
from tests.decomp.metrics import cases

information = jax.jit(
    discrete.mutual_information, static_argnames=("bins", "sizes", "correction")
)
entropy = jax.jit(discrete.entropy, static_argnames=("sizes", "correction"))
equal_width = jax.jit(discrete.equal_width, static_argnames="bins")
broken = jax.jit(discrete.broken)


def test_counts_do_not_depend_on_how_many_dimensions_are_counted_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    codes, labels = rng.integers(0, 5, (200, 3)), rng.integers(-1, 4, (200, 2))
    options = {"bins": 5, "sizes": (4, 4)}

    @jax.jit
    def counts(codes, labels):
        at_once = discrete.counts(codes, labels, **options)
        with monkeypatch.context() as patch:
            patch.setattr(discrete, "_MOST_CELLS", 10)
            return at_once, discrete.counts(codes, labels, **options)

    table, in_parts = map(np.asarray, counts(codes, labels))
    np.testing.assert_array_equal(in_parts, table)
    cells = [
        [np.sum((codes[:, 1] == b) & (labels[:, 0] == v)) for v in range(4)]
        for b in range(5)
    ]
    np.testing.assert_array_equal(table[1, 0], cells)


def test_any_discrete_values_become_consecutive_classes():
    factors = np.array([["b", "7"], ["a", "7"], ["c", "-1"]])
    labels, sizes = discrete.classes(factors)
    np.testing.assert_array_equal(labels, [[1, 1], [0, 1], [2, 0]])
    assert sizes == (3, 2)
    labels, sizes = discrete.classes([[0.5], [-2.0], [0.5]])
    np.testing.assert_array_equal(labels, [[1], [0], [1]])
    assert sizes == (2,)


def test_a_continuous_factor_is_binned_only_if_requested():
    factors = np.linspace(0, 1, 401)[:, None]
    for column in (factors, np.arange(401)[:, None], np.arange(401.0)[:, None]):
        with pytest.raises(ValueError, match="401 distinct numbers"):
            discrete.classes(column)
        assert discrete.classes(column, discrete=(0,))[1] == (401,)
    labels, sizes = discrete.classes(factors, bins=4)
    assert sizes == (4,)
    np.testing.assert_array_equal(labels[:, 0], [min(n // 100, 3) for n in range(401)])
    assert discrete.classes(factors, max_values=401)[1] == (401,)


@pytest.mark.parametrize(
    ("factors", "match"),
    [
        ([[0.0], [np.inf]], "finite"),
        ([[0.0], [np.nan]], "no missing values .* 1 of 2 rows have one"),
        (np.zeros((0, 2)), "table"),
        (np.zeros(3), r"factors must have the shape \[N, F\]; got \(3,\)"),
    ],
)
def test_bad_factors_are_refused(factors, match):
    with pytest.raises(ValueError, match=match):
        discrete.classes(factors)


def test_classes_are_determined_on_the_host_and_required_under_jit():
    with pytest.raises(ValueError, match="give sizes="):
        jax.jit(lambda f: discrete.resolve(f, None)[0])(jnp.zeros((3, 1), jnp.int32))
    labels, sizes = discrete.resolve(np.array([[5], [2], [5]]), None)
    np.testing.assert_array_equal(labels, [[1], [0], [1]])
    assert sizes == (2,)
    assert discrete.resolve(labels, (4,))[1] == (4,)


def test_bins_of_equal_width_agree_with_numpy():
    codes = np.random.default_rng(0).normal(size=(2000, 3)) * [1, 1e-8, 1e8]
    labels = np.asarray(equal_width(np.float32(codes), bins=20))
    for d in range(3):
        edges = np.histogram(np.float64(np.float32(codes[:, d])), 20)[1]
        np.testing.assert_array_equal(
            labels[:, d], np.digitize(np.float32(codes[:, d]), edges[1:-1])
        )


def test_equally_spaced_values_keep_a_bin_each():
    for values in range(2, 21):
        column = np.minimum(np.arange(20), values - 1)[:, None]
        labels = equal_width(np.float32(column * 0.1 - 3), bins=20)
        assert np.unique(labels).size == values


def test_constants_and_values_that_are_not_finite_fall_into_the_first_bin():
    codes = np.array([[3.0, 1.0], [3.0, np.nan], [3.0, 2.0]], np.float32)
    np.testing.assert_array_equal(equal_width(codes, bins=5), 0)
    assert broken(codes)
    assert not broken(codes[:, :1])


def test_information_and_entropy_agree_with_slow_loops():
    rng = np.random.default_rng(1)
    labels = np.stack([rng.integers(0, 3, 500), rng.integers(0, 6, 500)], axis=1)
    codes = (labels @ [[1, 2, 0], [1, 0, 0]] + rng.integers(0, 4, (500, 3))) % 7
    out = information(codes, labels, bins=7, sizes=(3, 6))
    exact = [
        [cases.information(codes[:, d], labels[:, f]) for f in range(2)]
        for d in range(3)
    ]
    np.testing.assert_allclose(out, exact, atol=1e-6)
    entropies = entropy(labels, sizes=(3, 6))
    exact_entropies = [cases.information(labels[:, f], labels[:, f]) for f in range(2)]
    np.testing.assert_allclose(entropies, exact_entropies, rtol=1e-6)


def test_a_code_that_determines_a_factor_has_exactly_its_entropy_as_information():
    factors = cases.grid(3, 7)
    factors = np.concatenate([factors, factors[:5]])  # not a full grid
    codes = factors[:, ::-1] * 2 + 1

    out = np.asarray(information(codes, factors, bins=14, sizes=(3, 7)))
    entropies = np.asarray(entropy(factors, sizes=(3, 7)))
    assert out[1, 0] == entropies[0]
    assert out[0, 1] == entropies[1]


def test_a_constant_carries_exactly_no_information():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, (333, 2))
    constant = np.full((333, 1), 3)
    np.testing.assert_array_equal(
        information(constant, labels, bins=4, sizes=(5, 5)), 0
    )
    codes = np.concatenate([labels, constant], axis=1)
    np.testing.assert_array_equal(information(codes, constant, bins=5, sizes=(4,)), 0)
    assert np.asarray(entropy(constant, sizes=(4,)))[0] == 0


def test_runs_under_vmap_equal_each_run_alone():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (200, 2))
    codes = rng.integers(0, 6, (3, 200, 2))
    information_of_run = partial(information, bins=6, sizes=(4, 4))
    batch = np.asarray(jax.vmap(information_of_run, (0, None))(codes, labels))
    for r in range(3):
        np.testing.assert_allclose(
            batch[r], information_of_run(codes[r], labels), rtol=1e-6
        )


def test_corrected_information_and_entropy_agree_with_slow_loops():
    rng = np.random.default_rng(2)
    labels = np.stack([rng.integers(0, 3, 60), rng.integers(0, 6, 60)], axis=1)
    codes = (labels @ [[1, 2], [1, 0]] + rng.integers(0, 4, (60, 2))) % 7
    options = {"correction": "miller_madow"}
    entropies = np.asarray(entropy(labels, sizes=(3, 6), **options))
    options |= {"bins": 7, "sizes": (3, 6)}
    corrected_information = np.asarray(information(codes, labels, **options))

    def corrected(*columns):
        cells = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)[1]
        number = len(np.unique(cells))
        return cases.entropy(cells.ravel()) + (number - 1) / (2 * len(labels))

    for f in range(2):
        exact_entropy = corrected(labels[:, f])
        np.testing.assert_allclose(entropies[f], exact_entropy, rtol=1e-6)
        for d in range(2):
            joint = corrected(codes[:, d], labels[:, f])
            exact = max(corrected(codes[:, d]) + exact_entropy - joint, 0)
            np.testing.assert_allclose(corrected_information[d, f], exact, atol=1e-6)


def test_the_correction_removes_the_bias_of_independent_variables():
    # 2N I is χ² with (B − 1)(V − 1) = 12 degrees: its mean is 12, its variance 24.
    rng = np.random.default_rng(3)
    codes, labels = rng.integers(0, 5, (400, 600)), rng.integers(0, 4, (400, 1))
    sizes = {"bins": 5, "sizes": (4,)}
    plain = np.asarray(information(codes, labels, **sizes))[:, 0]
    mean, error = np.mean(800 * np.float64(plain)), np.sqrt(24 / 600)
    np.testing.assert_allclose(mean, 12, atol=4 * error)
    sizes["correction"] = "miller_madow"
    corrected = np.asarray(information(codes, labels, **sizes))[:, 0]
    np.testing.assert_allclose(corrected, np.maximum(plain - 12 / 800, 0), atol=1e-6)


def test_the_correction_does_not_change_exact_relations():
    factors = cases.grid(3, 7)
    options = {"correction": "miller_madow", "sizes": (3, 7)}
    constant = np.full((21, 1), 2)
    codes = np.concatenate([factors * 2, constant], axis=1)
    corrected = np.asarray(information(codes, factors, bins=14, **options))
    entropies = np.asarray(entropy(factors, **options))
    np.testing.assert_allclose(entropies, np.log([3, 7]) + [2 / 42, 6 / 42], rtol=1e-6)
    np.testing.assert_array_equal(corrected[[0, 1], [0, 1]], entropies)
    np.testing.assert_array_equal(corrected[[0, 1, 2, 2], [1, 0, 0, 1]], 0)
    with pytest.raises(ValueError, match="unknown correction 'jackknife'; choices"):
        discrete.entropy(factors, sizes=(3, 7), correction="jackknife")
