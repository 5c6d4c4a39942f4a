"""The gate of the metrics: the same numbers are the same in whatever they come."""

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
    """What NumPy cannot read before it is detached, as a tensor with a gradient."""

    def __init__(self, values):
        self.values = values

    def detach(self):
        return self

    def cpu(self):
        return self.values


class Frame:
    """A table with named columns of objects, as a pandas data frame."""

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


def equal(z, other):
    """Asserts that two tables of codes are the same to the bit."""
    for leaf, known in zip(z, other, strict=True):
        assert leaf.dtype == known.dtype
        np.testing.assert_array_equal(leaf, known)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_codes_are_the_same_in_every_type_and_container(kind):
    equal(inputs.codes(KINDS[kind]), inputs.codes(CODES.astype(np.float32)))


def test_codes_keep_their_digits_whatever_their_offset_and_scale():
    z = inputs.codes(CODES / 128)
    for scale in (2.0**-1000, 2.0**-60, 2.0**60, 2.0**1000):
        moved = inputs.codes(CODES / 128 * scale)
        np.testing.assert_array_equal(moved.unit, z.unit)
        np.testing.assert_array_equal(moved.exponent, z.exponent + np.log2(scale))
    for offset in (1e8, -3e12):
        np.testing.assert_array_equal(inputs.codes(CODES / 128 + offset).unit, z.unit)
    huge = CODES.astype(np.uint64) + np.uint64(2**64 - 200)
    np.testing.assert_array_equal(inputs.codes(huge).unit, z.unit)
    ends = np.array([[-(2**63)], [2**63 - 1], [0]])
    np.testing.assert_allclose(inputs.codes(ends).unit[:, 0], [-0.5, 0.5, 0])


def test_codes_are_what_their_parts_say():
    codes = np.exp(5 * RNG.normal(size=(30, 4))) * [1, -1e-30, 1e20, 0]
    z = inputs.codes(codes)
    back = np.ldexp(np.float64(z.unit) + np.float64(z.origin), np.asarray(z.exponent))
    unit = np.maximum(np.abs(codes).max(axis=0), 1e-300)
    np.testing.assert_allclose(back / unit, codes / unit, atol=1e-7)
    np.testing.assert_array_equal(units.active(z), [True, True, True, False])


def test_rounding_alone_is_no_variation_of_a_latent_in_float64():
    column = np.where(np.arange(40) % 2, 0.1 + 0.2, 0.3)
    assert np.ptp(column) > 0
    assert not units.active(inputs.codes(column[:, None]))[0]
    assert units.active(inputs.codes(1e15 + CODES[:, :1]))[0]


def test_traced_codes_are_taken_in_their_own_type():
    taken = jax.jit(inputs.codes)
    known = (CODES - CODES[:1]) / 128
    for dtype in (jnp.int8, jnp.uint8, jnp.bfloat16, jnp.float32, jnp.int32):
        np.testing.assert_array_equal(taken(jnp.asarray(CODES, dtype)).unit, known)
    for scale in (1e-30, 1e36):
        tiny = taken(jnp.asarray(CODES * scale, jnp.float32))
        back = np.ldexp(np.float64(tiny.unit), np.asarray(tiny.exponent))
        np.testing.assert_allclose(back, (CODES - CODES[:1]) * scale, rtol=1e-6)
    ends = jnp.array([[-(2**31)], [2**31 - 1]], jnp.int32)
    np.testing.assert_allclose(taken(ends).unit[:, 0], [0, 0.5])


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
def test_codes_that_are_no_table_of_numbers_are_refused_in_one_line(codes, message):
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
def test_values_decide_what_a_factor_is(kind):
    values, size, continuous = TABLES[kind]
    found = inputs.factors(values[:, None])
    assert found.sizes == (size,)
    assert found.continuous == ((0,) if continuous else ())
    assert found.constant == ((0,) if size == 1 else ())
    if not continuous and size > 1:  # the same partition of the points
        labels = np.unique(values.astype(str), return_inverse=True)[1].ravel()
        pairs = {*zip(labels.tolist(), found.classes[:, 0].tolist(), strict=True)}
        assert len(pairs) == size


def test_bins_of_a_continuous_factor_are_the_same_in_every_type_and_unit():
    known = np.minimum(AGES * 20 // 119, 19)
    for values in (AGES, AGES.astype(np.float32), AGES * 0.1 - 3, AGES * 1e-300):
        found = inputs.factors(values[:, None])
        np.testing.assert_array_equal(found.classes[:, 0], known)
    np.testing.assert_array_equal(irs.labels(AGES[:, None], bins=20)[:, 0], known)
    traced = jax.jit(lambda x: irs.labels(x, bins=20))(AGES[:, None])
    np.testing.assert_array_equal(traced[:, 0], known)
    few = jax.jit(lambda x: irs.labels(x, bins=20))(AGES[:, None] % 7 * 10)
    np.testing.assert_array_equal(few[:, 0], AGES % 7)


class TypedFrame:
    """A frame whose columns have types of their own, as that of pandas."""

    def __init__(self, **columns):
        self.columns, self.items = list(columns), columns.items


def test_a_frame_is_taken_column_by_column():
    days = np.arange(200).astype("datetime64[D]")
    days[7] = np.datetime64("NaT")
    shapes = np.resize(np.array(["ring", None, "heart"], object), 200)
    frame = TypedFrame(day=days, shape=shapes, eyes=np.arange(200) % 3)
    found = inputs.factors(frame, incomplete=True)
    assert found.names == ("day", "shape", "eyes")
    assert found.sizes == (inputs.BINS, 2, 3)
    assert (found.continuous, found.missing) == ((0,), (1, 67, 0))
    np.testing.assert_array_equal(found.classes[:, 2], np.arange(200) % 3)
    with pytest.raises(ValueError, match="got columns of the shapes"):
        inputs.factors(TypedFrame(a=[1, 2], b=[1, 2, 3]))


def test_columns_are_named_and_told_by_name_or_index():
    table = Frame(shape=SHAPES, age=np.arange(40), eyes=[2.0] * 40)
    found = inputs.factors(table, continuous=["age"])
    assert found.names == ("shape", "age", "eyes")
    assert (found.continuous, found.labels, found.constant) == ((1,), (0,), (2,))
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
def test_missing_factors_are_counted_and_left_out_only_when_asked(column):
    table = column[:, None]
    with pytest.raises(ValueError, match="no missing values .* 3 of 40 rows have one"):
        inputs.factors(table)
    found = inputs.factors(table, incomplete=True)
    whole, rows = inputs.complete(found)
    np.testing.assert_array_equal(rows, np.arange(3, 40))
    assert found.missing == (3,)
    np.testing.assert_array_equal(found.classes[:, 0] < 0, np.arange(40) < 3)
    np.testing.assert_array_equal(whole.classes, found.classes[3:])
    assert whole.missing == (0,)


def test_given_classes_are_checked():
    labels, sizes = inputs.classes(np.array([[0.0], [2.0]]), (3,))
    np.testing.assert_array_equal(labels, [[0], [2]])
    for bad in ([[0], [3]], [[-1], [0]], [[0.5], [1]], [["a"], ["b"]]):
        with pytest.raises(ValueError, match="factors must be classes 0 … V − 1"):
            inputs.classes(bad, sizes)


def scores(z, v):
    """Every metric that may be compiled and draws nothing, of codes and classes."""
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


def drawn(z, v):
    """Those that draw or fit, and whose definition ignores place and scale."""
    keys, few = jax.random.split(jax.random.key(0)), {"votes": 40, "samples": 4}
    every = inputs.codes(z.unit)._replace(exponent=0 * z.exponent)
    span = jnp.ptp(z.unit, axis=0, keepdims=True)
    spread = jnp.broadcast_to(0.1 * jnp.where(span > 0, span, 1), z.unit.shape)
    return {
        "kim_mnih": kim_mnih.score(
            keys[0], every, v, threshold=0.0, held_out=20, **few
        ).score,
        "infoe": infoe.score(z, v, sizes=SIZES).score,
        "exact": mig.exact(
            keys[1], Gaussian(z.unit, spread), v, sizes=SIZES, num_samples=20
        ).score,
    }


def scaled(z, v):
    """Those that draw or fit, and to which place and scale matter."""
    keys = jax.random.split(jax.random.key(0))
    few = {"num_train": 40, "num_test": 20, "samples": 4}
    return {
        "higgins": higgins.score(keys[0], z, v, **few).score,
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
    """Codes and factors, and the same otherwise: type, place, scale, order, names."""
    codes = draw(LATTICE)
    columns = [draw(hunt.array(st.integers(0, size - 1), POINTS)) for size in SIZES]
    factors = np.stack(columns, axis=1).astype(int)
    order = range(POINTS) if ordered else draw(st.permutations(range(POINTS)))
    order, power = np.array(order), draw(st.integers(-900, 900))
    offset = draw(st.sampled_from((0, -3, 2**20, 2**40)))
    moved = codes.astype(draw(st.sampled_from(TYPES)))
    if placed:
        pass
    elif draw(st.booleans()):
        moved = np.ldexp(codes.astype(float) + offset, power)
    elif not ordered and draw(st.booleans()):
        # Not of votes: any scale but a power of two rounds, and rounding breaks ties.
        moved = codes.astype(float) * draw(st.sampled_from((3.0, 0.1, 1e200, 7e-250)))
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
    return (codes, factors), (moved[order], other[order])


def same_scores(program, pairs, examples):
    """Asserts that both of a pair of representations have the same scores."""

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
            # Fitted to 1e-5 nats of one loss, InfoE measures another.
            error = (2 * 1e-5) ** 0.5 if name == "infoe" else 2e-5
            np.testing.assert_allclose(after[name], value, atol=error, err_msg=name)

    holds()


def test_the_same_representation_never_scores_differently():
    same_scores(compiled, representations(), hunt.EXAMPLES)


def test_no_rounding_decides_a_pair_of_scores_in_explicitness():
    # Two fitted scores of these points differ by 2⁻¹⁶ of the largest, up to rounding.
    points = "46 61 26 15 40 11 43 53 16 65 04 02".split()
    codes = np.array([[int(digit) for digit in point] for point in points])
    factors = np.array([[0, int(label)] for label in "101101101100"])
    order = np.array([0, 1, 2, 3, 4, 6, 5, 7, 8, 9, 10, 11])
    known = compiled(inputs.codes(np.float32(codes)), factors)["explicitness"]
    others = 1 - factors[order]  # 'a' for 1 and 'b' for 0
    found = compiled(inputs.codes(np.int8(codes[order])), others)["explicitness"]
    np.testing.assert_allclose(found, known, atol=2e-5)


@pytest.mark.slow
def test_the_same_representation_never_scores_differently_in_a_long_hunt():
    same_scores(compiled, representations(), 10 * hunt.MANY)


@pytest.mark.slow
def test_what_is_drawn_with_one_key_is_the_same_in_every_type_and_unit():
    same_scores(jax.jit(drawn), representations(ordered=True), 4 * hunt.MANY)


@pytest.mark.slow
def test_what_depends_on_the_scale_is_the_same_in_every_type():
    pairs = representations(ordered=True, placed=True)
    same_scores(jax.jit(scaled), pairs, 4 * hunt.MANY)


@pytest.mark.slow
def test_metrics_called_with_integers_score_as_with_floats():
    factors = np.stack([CODES[:, 0] % 4, CODES[:, 1] % 3], axis=1)
    names = np.array(["d", "b", "c", "a"])[factors]
    few, key = {"votes": 50, "samples": 5}, lambda: jax.random.key(0)
    calls = {
        "kim_mnih": lambda z, v: kim_mnih.score(key(), z, v, held_out=20, **few),
        "sap": lambda z, v: sap.score(key(), z, v),
        # The classes of trees have their random numbers in ascending order.
        "dci": lambda z, v: dci.score(key(), z, factors.astype(v.dtype), trees=2),
        "active units": lambda z, v: active_units.score(z),
        "unscaled": lambda z, v: hoyer.score_unscaled(z),
        "neighbours": lambda z, v: infomec.score_neighbours(z, v),
        "exact": lambda z, v: mig.exact(
            key(), Gaussian(z, np.ones(CODES.shape, z.dtype)), v, num_samples=20
        ),
    }
    for name, call in calls.items():
        known = call(CODES.astype(np.float32), factors).score
        assert call(CODES.astype(np.uint8), names).score == known, name
    whole = udr.score(np.stack([CODES, CODES[::-1]]).astype(np.uint8)).score
    np.testing.assert_array_equal(
        whole, udr.score(np.stack([CODES, CODES[::-1]]).astype(np.float32)).score
    )


@pytest.mark.slow
def test_metrics_compute_in_float32_under_x64():
    codes = CODES[:POINTS, :2].astype(np.float64)
    factors = np.stack([np.arange(POINTS) % size for size in SIZES], axis=1)
    known = compiled(inputs.codes(codes), factors)
    with jax.enable_x64(True):
        found = jax.jit(lambda z, v: scores(inputs.codes(z), v))(codes, factors)
        votes = kim_mnih.draw_votes(jax.random.key(0), factors, votes=5, samples=4)
    assert votes.rows.dtype == jnp.int32
    del known["hoyer"]  # of the codes as they are, which are off another row here
    for name, value in found.items():
        assert value.dtype == jnp.float32, name
    for name, value in known.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5, err_msg=name)


def test_a_value_on_the_edge_of_a_bin_lies_above_it_in_every_unit():
    steps = np.arange(21)
    for scale in (1, 0.1, 1 / 3, 1e-9, 7e20):
        bins = discrete.equal_width(np.float32(steps * scale)[:, None], bins=20)[:, 0]
        np.testing.assert_array_equal(bins, np.minimum(steps, 19))
