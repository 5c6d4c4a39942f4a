import jax
import jax.numpy as jnp
import numpy as np
import pytest

from decomp.metrics import dci
from tests.decomp.metrics import cases

entropies = jax.jit(dci.from_importance)
FEW = {"trees": 5, "depth": 3}


def _run(codes, factors, preset="locatello", **options):
    return dci.score(
        jax.random.key(0), np.float32(codes), factors, preset=preset, **options
    )


def _slow(importance, factor_weights=None):
    importance = np.asarray(importance, np.float64)
    num_codes, num_factors = importance.shape

    def share(row, width):
        total = sum(row)
        entropy = -sum(r / total * np.log(r / total) for r in row if r > 0)
        return 1 - entropy / np.log(width)

    total = importance.sum()
    disentanglement = sum(
        row.sum() / total * share(row, num_factors) for row in importance if row.sum()
    )
    completeness = 0
    for f in range(num_factors):
        column = importance[:, f]
        weight = column.sum() / total if factor_weights is None else factor_weights[f]
        completeness += weight * share(column, num_codes) if column.sum() else 0
    return disentanglement, completeness


def test_the_entropies_agree_with_a_slow_implementation():
    rng = np.random.default_rng(0)
    importance = rng.exponential(size=(5, 3)) * (rng.uniform(size=(5, 3)) < 0.7)
    importance[2] = 0
    for weights in (None, jnp.array([0.2, 0.3, 0.5])):
        out = entropies(jnp.float32(importance), weights)
        exact = _slow(importance, weights)
        np.testing.assert_allclose(out[:2], exact, rtol=1e-5)
        assert out.per_code[2] == 0
        np.testing.assert_allclose(jnp.sum(out.code_weights), 1, rtol=1e-6)


def test_exact_cases_of_the_entropies():
    one_code = np.zeros((10, 10))
    one_code[3, [2, 7]] = 0.4
    one_factor = one_code.T
    permuted = np.diag([2.0, 3.0, 5.0])[[2, 0, 1]]
    missing = np.eye(4)
    missing[3, 3] = 0
    shared_by_two = 1 - np.log(2) / np.log(10)
    table = {
        "permuted and scaled": (permuted, 1, 1),
        "one code, two factors of ten": (one_code, shared_by_two, 1),
        "two codes, one factor": (one_factor, 1, shared_by_two),
        "rotated by 45°": (np.full((2, 2), 0.5), 0, 0),
        "no preference": (np.ones((4, 3)), 0, 0),
        "one factor missing": (missing, 1, 1),
        "none matters": (np.zeros((4, 3)), 0, 0),
        "one factor": (np.array([[1.0], [0.0]]), 1, 1),
        "one code": (np.array([[1.0, 0.0]]), 1, 1),
    }
    for name, (importance, *exact) in table.items():
        out = entropies(np.float32(importance))
        np.testing.assert_allclose(out[:2], exact, atol=1e-6, err_msg=name)
        assert all(np.isfinite(x).all() for x in out), name


def test_importances_rounded_below_zero_count_as_zero():
    # Importances of scikit-learn can be about −1e-17, whose logarithm is NaN.
    for scale in (1, 1e-30, 1e30):
        importance = np.float32([[1, -1e-17], [-1e-17, 1]]) * np.float32(scale)
        np.testing.assert_array_equal(entropies(importance)[:2], 1)


@pytest.mark.parametrize("seed", range(4))
def test_codes_that_are_nearly_the_factors_score_one(seed):
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 4, (120, 2))
    codes = factors + 0.05 * rng.normal(size=factors.shape)
    out = _run(codes, factors, trees=10)
    np.testing.assert_allclose([out.score, out.completeness], 1, atol=1e-6)


def test_more_classes_than_gradient_boosting_allows_are_refused_in_one_line():
    names = np.array([f"image {n}" for n in range(150)])[:, None]
    with pytest.raises(
        ValueError, match="at most 100 classes .* gradient boosting; .* 0 has 150"
    ):
        _run(np.arange(150.0)[:, None], names)


def test_labels_without_an_order_are_refused_by_a_regression():
    names = np.array(["square", "ellipse", "heart"])[np.arange(30) % 3][:, None]
    with pytest.raises(ValueError, match="factor 0 has labels"):
        _run(np.arange(30.0)[:, None], names, "eastwood")
    two = np.array(["left", "right"])[np.arange(30) % 2][:, None]
    out = _run(np.arange(30.0)[:, None] % 2, two, "eastwood")
    np.testing.assert_allclose(out.informativeness, 1, atol=1e-5)


def test_equal_factor_weights_count_a_missing_factor():
    out = entropies(jnp.diag(jnp.array([1.0, 1.0, 0.0])), jnp.full(3, 1 / 3))
    np.testing.assert_allclose(out.disentanglement, 1, rtol=1e-6)
    np.testing.assert_allclose(out.completeness, 2 / 3, rtol=1e-6)


def test_importances_under_vmap_equal_each_alone():
    stack = jax.random.uniform(jax.random.key(0), (3, 4, 2))
    batch = jax.jit(jax.vmap(dci.from_importance))(stack)
    for r in range(3):
        alone = entropies(stack[r]).disentanglement
        np.testing.assert_allclose(batch.disentanglement[r], alone, rtol=1e-6)


@pytest.mark.parametrize("preset", ["locatello", "tripod"])
def test_trees_find_a_permuted_scaled_sign_flipped_perfect_code(preset):
    factors = np.repeat(cases.grid(3, 4), 30, axis=0)
    # A forest tries √D random codes per split; with all D it ignores the wrong one.
    out = _run(cases.perfect(factors), factors, preset, trees=20, depth=3)
    if preset == "locatello":
        np.testing.assert_allclose(out.importance, [[0, 1], [1, 0]], atol=1e-4)
        np.testing.assert_allclose([out.score, out.completeness], 1, atol=1e-3)
    assert out.importance[0, 1] > 0.9 < out.importance[1, 0]
    np.testing.assert_allclose(out.informativeness, 1)
    np.testing.assert_allclose(out.factor_error, 0)
    np.testing.assert_allclose(
        [out.score, out.completeness], _slow(out.importance), rtol=1e-3
    )
    assert out.variant.startswith(f"{preset}, trees=20")


def test_trees_predict_only_the_factors_that_the_codes_encode():
    factors = np.repeat(cases.grid(2, 2, 2), 50, axis=0)
    out = _run(factors[:, :2], factors, **FEW)
    np.testing.assert_allclose(out.factor_informativeness[:2], 1)
    test_points = 400 / 3
    assert abs(out.factor_informativeness[2] - 0.5) < 4 * np.sqrt(0.25 / test_points)


def test_the_lasso_finds_a_perfect_code_exactly():
    factors = np.float32(np.repeat(cases.grid(5, 5), 40, axis=0))
    out = _run(cases.perfect(factors), factors, "eastwood")
    np.testing.assert_allclose(out.importance, [[0, 0.999], [0.999, 0]], atol=1e-4)
    np.testing.assert_allclose([out.score, out.completeness], 1, atol=1e-6)
    np.testing.assert_allclose(out.factor_informativeness, 1 - 1e-6, atol=1e-6)
    assert out.variant == "eastwood"


def test_the_lasso_has_no_preference_in_a_rotation_by_45_degrees():
    # Both weights are 1/√2 − α up to the correlation r = O(1/√N) of the sampled points,
    # and 1 − H = O(r²).
    factors = np.float32(np.repeat(cases.grid(5, 5), 80, axis=0))
    out = _run(cases.rotated(factors), factors, "eastwood", penalties=(0.1,))
    error = 4 / np.sqrt(1600)
    np.testing.assert_allclose(out.importance, 1 / np.sqrt(2) - 0.1, atol=error)
    assert abs(out.score) < error**2
    assert abs(out.completeness) < error**2


def test_one_dimension_of_two_factors_is_complete_but_not_disentangled():
    factors = np.float32(np.repeat(cases.grid(5, 5), 80, axis=0))
    codes = np.c_[factors.sum(axis=1), np.full(2000, 0.3)]
    out = _run(codes, factors, "eastwood", penalties=(0.1,))
    assert out.score < (4 / np.sqrt(1600)) ** 2
    np.testing.assert_allclose(out.completeness, 1, atol=1e-6)
    np.testing.assert_allclose(out.importance[1], 0)


@pytest.mark.parametrize("preset", ["locatello", "tripod"])
def test_trees_give_all_importance_to_the_only_dimension_that_varies(preset):
    factors = np.repeat(cases.grid(3, 3), 20, axis=0)
    codes = np.c_[factors.sum(axis=1), np.full(180, 0.3)]
    out = _run(codes, factors, preset, **FEW)
    np.testing.assert_allclose(out.importance, [[1, 1], [0, 0]], atol=1e-6)
    np.testing.assert_allclose([out.score, out.completeness], [0, 1], atol=1e-6)


def test_a_missing_factor_has_no_importance_for_the_lasso():
    factors = np.float32(np.repeat(cases.grid(5, 5), 80, axis=0))
    codes = np.c_[-2 * factors[:, 1], np.full(2000, 0.3)]
    out = _run(codes, factors, "eastwood", penalties=(0.1,))
    np.testing.assert_allclose(out.importance, [[0, 0.9], [0, 0]], atol=1e-6)
    # A factor without importance counts as 0 in the completeness.
    np.testing.assert_allclose([out.score, out.completeness], [1, 1 / 2], atol=1e-6)
    np.testing.assert_allclose(out.factor_informativeness, [0, 0.99], atol=0.02)


def test_noise_has_no_importance_for_the_lasso():
    factors = np.float32(np.repeat(cases.grid(5, 5), 80, axis=0))
    codes = np.random.default_rng(0).normal(size=(2000, 3))
    out = _run(codes, factors, "eastwood", penalties=(0.1,))
    np.testing.assert_array_equal(out.importance, 0)
    assert out.score == out.completeness == 0


@pytest.mark.parametrize("preset", dci.PRESETS)
def test_collapsed_codes_score_zero_and_diverged_ones_nan(preset):
    factors = np.repeat(cases.grid(2, 2), 10, axis=0)
    options = {} if preset == "eastwood" else FEW
    out = _run(np.full((40, 3), 0.3), factors, preset, **options)
    assert out.score == out.completeness == 0
    assert not out.active.any()
    assert all(np.isfinite(x).all() for x in out[:-1])
    assert out.informativeness < 0.8
    bad = np.ones((40, 3))
    bad[3, 1] = np.nan
    assert jnp.isnan(_run(bad, factors, preset, **options).score)


@pytest.mark.parametrize("preset", ["locatello", "eastwood"])
def test_a_constant_factor_is_excluded(preset):
    factors = np.repeat(cases.grid(2, 1, 3), 20, axis=0)
    options = FEW if preset == "locatello" else {}
    out = _run(factors, factors, preset, **options)
    np.testing.assert_array_equal(out.importance[:, 1], 0)
    np.testing.assert_array_equal(out.used, [True, False, True])
    parts = [out.score, out.completeness, out.informativeness]
    np.testing.assert_allclose(parts, 1, atol=1e-5)
    constant = _run(factors, 0 * factors, preset, **options)
    assert jnp.isnan(jnp.stack([constant.score, constant.completeness])).all()


def test_continuous_factors_are_regressed_unless_declared_classes():
    rng = np.random.default_rng(0)
    factors = rng.uniform(size=(300, 2)).astype(np.float32)
    out = _run(factors, factors, trees=60, depth=3)
    assert out.factor_informativeness.min() > 0.95
    np.testing.assert_allclose(
        out.factor_error**2, 1 - out.factor_informativeness, rtol=1e-3
    )
    classes = np.float32(factors > 0.5)
    out = _run(factors, classes, continuous=(False, False), **FEW)
    np.testing.assert_allclose(out.informativeness, 1, atol=0.03)
