"""Scores depend on the numbers of codes and factors, not on their type or container."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decomp.distributions.gaussian import Gaussian
from decomp.metrics import (
    active_units,
    dci,
    discrete,
    higgins,
    hoyer,
    infoe,
    infomec,
    inputs,
    irs,
    kim_mnih,
    mig,
    modularity,
    sap,
    udr,
    units,
    unsupervised,
)
from tests import hunt

RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 120, (40, 3))
CODES[:2] = [[0, 0, 0], [119, 119, 119]]
POINTS, SIZES = 12, (2, 3)


class Tensor:
    """An array that NumPy can read only after detaching, like some tensors."""

    def __init__(self, values):
        self.values = values

    def detach(self):
        return self

    def cpu(self):
        return self.values


class Frame:
    """A table with named columns of type object, like a data frame of pandas."""

    def __init__(self, **columns):
        self.columns = list(columns)
        self.values = np.array(list(columns.values()), object).T

    def __array__(self, dtype=None, copy=None):
        return self.values


KINDS = {
    **{
        name: CODES.astype(name) for name in ("int8", "uint8", ">i4", "int64", "uint64")
    },
    **{name: CODES.astype(name) for name in ("float16", ">f4", "float64", ">f8")},
    "bfloat16": jnp.asarray(CODES, jnp.bfloat16),
    "a JAX array": jnp.asarray(CODES),
    "lists": CODES.tolist(),
    "objects": CODES.astype(object),
    "a tensor": Tensor(CODES),
    "columns first": np.asfortranarray(CODES),
    "every second row": np.repeat(CODES, 2, axis=0)[::2],
}


def assert_equal(z, other):
    """Asserts that two tables of codes are equal to the bit."""
    for leaf, expected in zip(*map(jax.tree.leaves, (z, other)), strict=True):
        assert leaf.dtype == expected.dtype
        np.testing.assert_array_equal(leaf, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_codes_do_not_depend_on_type_and_container(kind):
    assert_equal(inputs.codes(KINDS[kind]), inputs.codes(CODES.astype(np.float32)))


def test_codes_keep_their_digits_at_any_offset_and_scale():
    z = inputs.codes(CODES / 128)
    for scale in (2.0**-1000, 2.0**-60, 2.0**60, 2.0**1000):
        scaled = inputs.codes(CODES / 128 * scale)
        np.testing.assert_array_equal(scaled.unit, z.unit)
        np.testing.assert_array_equal(scaled.exponent, z.exponent + np.log2(scale))
    for offset in (1e8, -3e12):
        np.testing.assert_array_equal(inputs.codes(CODES / 128 + offset).unit, z.unit)
    huge = CODES.astype(np.uint64) + np.uint64(2**64 - 200)
    np.testing.assert_array_equal(inputs.codes(huge).unit, z.unit)
    ends = np.array([[-(2**63)], [2**63 - 1], [0]])
    np.testing.assert_allclose(inputs.codes(ends).unit[:, 0], [-0.5, 0.5, 0])


def test_codes_are_the_sum_and_product_of_their_parts():
    codes = np.exp(5 * RNG.normal(size=(30, 4))) * [1, -1e-30, 1e20, 0]
    z = inputs.codes(codes)
    product = np.ldexp(
        np.float64(z.unit) + np.float64(z.origin), np.asarray(z.exponent)
    )
    unit = np.maximum(np.abs(codes).max(axis=0), 1e-300)
    np.testing.assert_allclose(product / unit, codes / unit, atol=1e-7)
    np.testing.assert_array_equal(units.active(z), [True, True, True, False])


def test_rounding_alone_does_not_make_a_latent_active_in_float64():
    column = np.where(np.arange(40) % 2, 0.1 + 0.2, 0.3)
    assert np.ptp(column) > 0
    assert not units.active(inputs.codes(column[:, None]))[0]
    assert units.active(inputs.codes(1e15 + CODES[:, :1]))[0]


def test_traced_codes_are_read_in_their_own_type():
    read_codes = jax.jit(inputs.codes)
    expected = (CODES - CODES[:1]) / 128
    for dtype in (jnp.int8, jnp.uint8, jnp.bfloat16, jnp.float32, jnp.int32):
        np.testing.assert_array_equal(
            read_codes(jnp.asarray(CODES, dtype)).unit, expected
        )
    for scale in (1e-30, 1e36):
        z = read_codes(jnp.asarray(CODES * scale, jnp.float32))
        product = np.ldexp(np.float64(z.unit), np.asarray(z.exponent))
        np.testing.assert_allclose(product, (CODES - CODES[:1]) * scale, rtol=1e-6)
    ends = jnp.array([[-(2**31)], [2**31 - 1]], jnp.int32)
    np.testing.assert_allclose(read_codes(ends).unit[:, 0], [0, 0.5])


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (np.zeros(5), r"codes must have the shape \[N, D\]; got \(5,\)"),
        ([[1.0], [2.0, 3.0]], "codes must be an array; NumPy says"),
        ([["a"], ["b"]], r"codes \[N, D\] must be numbers; got <U1"),
        (CODES.astype(complex), r"codes \[N, D\] must be numbers; got complex128"),
        (np.ma.masked_less(CODES, 3), "codes must have no masked entries; got"),
        (np.zeros((3, 2), "V2"), "NumPy writes bfloat16 as raw bytes"),
    ],
)
def test_codes_without_a_table_of_numbers_are_refused_in_one_line(codes, message):
    with pytest.raises(ValueError, match=message) as error:
        inputs.codes(codes)
    assert "\n" not in str(error.value)


SHAPES = np.array(["square", "ellipse", "heart"])[CODES[:, 0] % 3]
AGES = np.arange(150) % 120
TABLES = {  # values of one column, its number of classes, and whether it is continuous
    "strings": (SHAPES, 3, False),
    "bytes": (SHAPES.astype(bytes), 3, False),
    "objects": (SHAPES.astype(object), 3, False),
    "mixed": (np.array(["a", 1, 2.5, None], object)[CODES[:, 0] % 3], 3, False),
    "bools": (CODES[:, 0] > 60, 2, False),
    "negative": (CODES[:, 0] % 3 - 7, 3, False),
    "gapped": (CODES[:, 0] % 3 * 10**15, 3, False),
    "floats": (CODES[:, 0] % 3 * 0.1, 3, False),
    "rounded": (np.where(CODES[:, 0] % 2, 0.1 + 0.2, 0.3), 1, False),
    "whole numbers": (AGES, inputs.BINS, True),
    "whole floats": (AGES.astype(">f4"), inputs.BINS, True),
    "days": (AGES.astype("datetime64[D]"), inputs.BINS, True),
    "big": (AGES + 2**62, inputs.BINS, True),
    "many labels": (AGES.astype(str), 120, False),
    "one hundred": (np.arange(100), 100, False),
}


@pytest.mark.parametrize("kind", TABLES)
def test_the_kind_of_a_factor_follows_from_its_values(kind):
    values, size, continuous = TABLES[kind]
    table = inputs.factors(values[:, None])
    assert table.sizes == (size,)
    assert table.continuous == ((0,) if continuous else ())
    assert table.constant == ((0,) if size == 1 else ())
    if not continuous and size > 1:  # the same partition of the points
        labels = np.unique(values.astype(str), return_inverse=True)[1].ravel()
        pairs = {*zip(labels.tolist(), table.classes[:, 0].tolist(), strict=True)}
        assert len(pairs) == size


def test_bins_of_a_continuous_factor_do_not_depend_on_type_and_unit():
    expected = np.minimum(AGES * 20 // 119, 19)
    for values in (AGES, AGES.astype(np.float32), AGES * 0.1 - 3, AGES * 1e-300):
        table = inputs.factors(values[:, None])
        np.testing.assert_array_equal(table.classes[:, 0], expected)
    np.testing.assert_array_equal(irs.labels(AGES[:, None], bins=20)[:, 0], expected)
    traced = jax.jit(lambda x: irs.labels(x, bins=20))(AGES[:, None])
    np.testing.assert_array_equal(traced[:, 0], expected)
    few = jax.jit(lambda x: irs.labels(x, bins=20))(AGES[:, None] % 7 * 10)
    np.testing.assert_array_equal(few[:, 0], AGES % 7)


class TypedFrame:
    """A frame whose columns have their own types, like that of pandas."""

    def __init__(self, **columns):
        self.columns, self.items = list(columns), columns.items


def test_a_frame_is_read_column_by_column():
    days = np.arange(200).astype("datetime64[D]")
    days[7] = np.datetime64("NaT", "D")
    shapes = np.resize(np.array(["ring", None, "heart"], object), 200)
    frame = TypedFrame(day=days, shape=shapes, eyes=np.arange(200) % 3)
    table = inputs.factors(frame, incomplete=True)
    assert table.names == ("day", "shape", "eyes")
    assert table.sizes == (inputs.BINS, 2, 3)
    assert (table.continuous, table.missing) == ((0,), (1, 67, 0))
    np.testing.assert_array_equal(table.classes[:, 2], np.arange(200) % 3)
    with pytest.raises(ValueError, match="got columns of the shapes"):
        inputs.factors(TypedFrame(a=[1, 2], b=[1, 2, 3]))


def test_columns_have_names_and_are_given_by_name_or_index():
    table = Frame(shape=SHAPES, age=np.arange(40), eyes=[2.0] * 40)
    factors = inputs.factors(table, continuous=["age"])
    assert factors.names == ("shape", "age", "eyes")
    assert (factors.continuous, factors.labels, factors.constant) == ((1,), (0,), (2,))
    fields = np.zeros(200, [("id", int), ("eyes", "U3")])
    fields["id"] = np.arange(200)
    assert inputs.factors(fields).continuous == (0,)
    assert inputs.factors(fields, discrete=[0]).sizes == (200, 1)
    with pytest.raises(ValueError, match="no factor 'ages'; choices: shape, age, eyes"):
        inputs.factors(table, continuous=["ages"])
    with pytest.raises(ValueError, match="factor shape has labels"):
        inputs.factors(table, continuous=["shape"])


@pytest.mark.parametrize(
    "column",
    [
        np.where(np.arange(40) < 3, np.nan, CODES[:, 0] % 3),
        np.where(np.arange(40) < 3, None, SHAPES.astype(object)),
        np.ma.array(CODES[:, 0] % 3, mask=np.arange(40) < 3),
        np.where(
            np.arange(40) < 3, np.datetime64("NaT", "D"), np.datetime64("2026-01-01")
        ),
    ],
)
def test_missing_factors_are_excluded_only_on_request(column):
    table = column[:, None]
    with pytest.raises(ValueError, match="no missing values .* 3 of 40 rows have one"):
        inputs.factors(table)
    incomplete = inputs.factors(table, incomplete=True)
    whole, rows = inputs.complete(incomplete)
    np.testing.assert_array_equal(rows, np.arange(3, 40))
    assert incomplete.missing == (3,)
    np.testing.assert_array_equal(incomplete.classes[:, 0] < 0, np.arange(40) < 3)
    np.testing.assert_array_equal(whole.classes, incomplete.classes[3:])
    assert whole.missing == (0,)


def test_given_classes_are_checked():
    labels, sizes = inputs.classes(np.array([[0.0], [2.0]]), (3,))
    np.testing.assert_array_equal(labels, [[0], [2]])
    for bad in ([[0], [3]], [[-1], [0]], [[0.5], [1]], [["a"], ["b"]]):
        with pytest.raises(ValueError, match="factors must be classes 0 … V − 1"):
            inputs.classes(bad, sizes)


def scores(z, v):
    """Scores that may be compiled and have no randomness, of codes and classes."""
    info, alone = infomec.score(z, v, sizes=SIZES), unsupervised.score(z)
    return {
        "mig": mig.score(z, v, sizes=SIZES).score,
        "modularity": modularity.score(z, v, sizes=SIZES).score,
        "infom": info.score,
        "infoc": info.compactness,
        "irs": irs.score(z, v, sizes=SIZES).score,
        "kim_mnih": kim_mnih.enumerated(
            z, v, sizes=SIZES, active=units.active(z)
        ).score,
        "sap r²": sap.r_squared(z, v).score,
        "hoyer": hoyer.score(z._replace(origin=0 * z.origin)).score,
        "total correlation": alone.score,
        "wasserstein": alone.wasserstein_normalised,
        "pairs": alone.mutual_information,
        "explicitness": modularity.explicitness(z, v, z, v, sizes=SIZES).score,
    }


def random_scores(z, v):
    """Random or fitted scores that do not depend on offset and scale."""
    keys, counts = jax.random.split(jax.random.key(0)), {"votes": 40, "samples": 4}
    all_active = inputs.codes(z.unit)._replace(exponent=0 * z.exponent)
    span = jnp.ptp(z.unit, axis=0, keepdims=True)
    spread = jnp.broadcast_to(0.1 * jnp.where(span > 0, span, 1), z.unit.shape)
    return {
        "kim_mnih": kim_mnih.score(
            keys[0], all_active, v, threshold=0.0, held_out=20, **counts
        ).score,
        "infoe": infoe.score(z, v, sizes=SIZES).score,
        "exact": mig.exact(
            keys[1], Gaussian(z.unit, spread), v, sizes=SIZES, num_samples=20
        ).score,
    }


def scores_of_scale(z, v):
    """Random or fitted scores that depend on offset and scale."""
    keys = jax.random.split(jax.random.key(0))
    counts = {"num_train": 40, "num_test": 20, "samples": 4}
    return {
        "higgins": higgins.score(keys[0], z, v, **counts).score,
        "sap": sap.score(keys[1], z, v, sizes=SIZES).score,
        "active units": active_units.score(z).score,
        "unscaled": hoyer.score_unscaled(z).score,
        "wasserstein": unsupervised.score(z).wasserstein,
    }


compiled = jax.jit(scores)
LATTICE = hunt.array(st.integers(0, 6), POINTS, 2)
TYPES = ("int8", "uint8", ">i2", "int64", "float16", "float32", ">f8", "float64")


@st.composite
def representations(draw, *, ordered=False, placed=False):
    """Equal codes and factors in two forms: type, offset, scale, order, names."""
    codes = draw(LATTICE)
    columns = [draw(hunt.array(st.integers(0, size - 1), POINTS)) for size in SIZES]
    factors = np.stack(columns, axis=1).astype(int)
    order = range(POINTS) if ordered else draw(st.permutations(range(POINTS)))
    order, power = np.array(order), draw(st.integers(-900, 900))
    offset = draw(st.sampled_from((0, -3, 2**20, 2**40)))
    changed = codes.astype(draw(st.sampled_from(TYPES)))
    if placed:
        pass
    elif draw(st.booleans()):
        changed = np.ldexp(codes.astype(float) + offset, power)
    elif not ordered and draw(st.booleans()):
        # Except for votes: other scales round, and rounding breaks ties.
        changed = codes.astype(float) * draw(st.sampled_from((3.0, 0.1, 1e200, 7e-250)))
    names = [
        draw(st.permutations(["b", "a", "", "é", "10", "9"][:size])) for size in SIZES
    ]
    words = np.array([[names[f][v] for f, v in enumerate(row)] for row in factors])
    if placed:  # the first class wins a tie of the machines
        words = np.char.mod("%03d", 7 * factors)
    other = draw(
        st.sampled_from(
            [words, factors * (7 if placed else -7), factors + 0.5, factors > 0]
        )
    )
    other = factors if other.dtype == bool else other
    return (codes, factors), (changed[order], other[order])


def assert_same_scores(program, pairs, examples):
    """Asserts that the two representations of each pair have the same scores."""

    @settings(hunt.PROFILE, max_examples=examples)
    @given(pairs)
    def holds(pair):
        tables = [inputs.factors(factors) for _, factors in pair]
        before, after = (
            program(inputs.codes(codes), table.classes)
            for (codes, _), table in zip(pair, tables, strict=True)
        )
        if tables[1].labels:  # R² of class indices depends on their order
            before.pop("sap r²", None)
        for name, value in before.items():
            # InfoE is fitted to 1e-5 nats of one loss and measures another.
            error = (2 * 1e-5) ** 0.5 if name == "infoe" else 2e-5
            np.testing.assert_allclose(after[name], value, atol=error, err_msg=name)

    holds()


def test_equal_representations_have_equal_scores():
    assert_same_scores(compiled, representations(), hunt.EXAMPLES)


def test_rounding_does_not_decide_a_pair_of_scores_in_explicitness():
    # Two fitted scores of these points differ by 2⁻¹⁶ of the largest, up to rounding.
    points = "46 61 26 15 40 11 43 53 16 65 04 02".split()
    codes = np.array([[int(digit) for digit in point] for point in points])
    factors = np.array([[0, int(label)] for label in "101101101100"])
    order = np.array([0, 1, 2, 3, 4, 6, 5, 7, 8, 9, 10, 11])
    value = compiled(inputs.codes(np.float32(codes)), factors)["explicitness"]
    others = 1 - factors[order]  # 'a' for 1 and 'b' for 0
    of_other = compiled(inputs.codes(np.int8(codes[order])), others)["explicitness"]
    np.testing.assert_allclose(of_other, value, atol=2e-5)


@pytest.mark.slow
def test_equal_representations_have_equal_scores_in_a_long_hunt():
    assert_same_scores(compiled, representations(), 10 * hunt.MANY)


@pytest.mark.slow
def test_random_scores_do_not_depend_on_type_and_unit():
    assert_same_scores(
        jax.jit(random_scores), representations(ordered=True), 4 * hunt.MANY
    )


@pytest.mark.slow
def test_scores_that_depend_on_the_scale_do_not_depend_on_the_type():
    pairs = representations(ordered=True, placed=True)
    assert_same_scores(jax.jit(scores_of_scale), pairs, 4 * hunt.MANY)


@pytest.mark.slow
def test_metrics_called_with_integers_score_as_with_floats():
    factors = np.stack([CODES[:, 0] % 4, CODES[:, 1] % 3], axis=1)
    names = np.array(["d", "b", "c", "a"])[factors]
    counts, key = {"votes": 50, "samples": 5}, lambda: jax.random.key(0)
    calls = {
        "kim_mnih": lambda z, v: kim_mnih.score(key(), z, v, held_out=20, **counts),
        "sap": lambda z, v: sap.score(key(), z, v),
        # Trees assign their random numbers to the classes in ascending order.
        "dci": lambda z, v: dci.score(key(), z, factors.astype(v.dtype), trees=2),
        "active units": lambda z, v: active_units.score(z),
        "unscaled": lambda z, v: hoyer.score_unscaled(z),
        "neighbours": lambda z, v: infomec.score_neighbours(z, v),
        "exact": lambda z, v: mig.exact(
            key(), Gaussian(z, np.ones(CODES.shape, z.dtype)), v, num_samples=20
        ),
    }
    for name, call in calls.items():
        of_floats = call(CODES.astype(np.float32), factors).score
        assert call(CODES.astype(np.uint8), names).score == of_floats, name
    whole = udr.score(np.stack([CODES, CODES[::-1]]).astype(np.uint8)).score
    np.testing.assert_array_equal(
        whole, udr.score(np.stack([CODES, CODES[::-1]]).astype(np.float32)).score
    )


@pytest.mark.slow
def test_metrics_compute_in_float32_under_x64():
    codes = CODES[:POINTS, :2].astype(np.float64)
    factors = np.stack([np.arange(POINTS) % size for size in SIZES], axis=1)
    expected = compiled(inputs.codes(codes), factors)
    with jax.enable_x64(True):
        under_x64 = jax.jit(lambda z, v: scores(inputs.codes(z), v))(codes, factors)
        votes = kim_mnih.draw_votes(jax.random.key(0), factors, votes=5, samples=4)
    assert votes.rows.dtype == jnp.int32
    del expected["hoyer"]  # it depends on the origin, which is another row here
    for name, value in under_x64.items():
        assert value.dtype == jnp.float32, name
    for name, value in expected.items():
        np.testing.assert_allclose(under_x64[name], value, atol=1e-5, err_msg=name)


def test_a_value_on_the_edge_of_a_bin_is_in_the_upper_bin_in_every_unit():
    steps = np.arange(21)
    for scale in (1, 0.1, 1 / 3, 1e-9, 7e20):
        bins = discrete.equal_width(np.float32(steps * scale)[:, None], bins=20)[:, 0]
        np.testing.assert_array_equal(bins, np.minimum(steps, 19))
