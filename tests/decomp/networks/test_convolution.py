import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.extend import core

from decomp.networks import blocks, convolution
from decomp.networks.convolution import FORMS

RUNS = 3
BATCH = 2
CASES = {
    "conv, patches": ("conv", 1, 5, (8, 6)),
    "conv, windows": ("conv", 7, 4, (4, 4)),
    "transpose, windows": ("transpose", 3, 5, (4, 3)),
    "transpose, patches": ("transpose", 9, 2, (3, 4)),
}
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}  # of the largest entry


def flax_layer(kind, features):
    if kind == "conv":
        return nn.Conv(features, (4, 4), 2, padding=1)
    return nn.ConvTranspose(
        features, (4, 4), (2, 2), padding="SAME", transpose_kernel=True
    )


def our_layer(kind, features, form="products"):
    layers = {"conv": convolution.Conv, "transpose": convolution.ConvTranspose}
    return layers[kind](features, form=form)


def apply_ours(kind, features, form):
    """Our layer on images `[C, H, W, B]` for any form."""
    layer = our_layer(kind, features, form)

    def apply(params, x):
        if FORMS[form].batch_innermost:
            return layer.apply(params, x)
        return layer.apply(params, x.transpose(3, 1, 2, 0)).transpose(3, 1, 2, 0)

    return apply


def apply_flax(kind, features):
    layer = flax_layer(kind, features)

    def apply(params, x):  # x [C, H, W, B]; Flax expects [B, H, W, C]
        return layer.apply(params, x.transpose(3, 1, 2, 0)).transpose(3, 1, 2, 0)

    return apply


def draw(kind, channels, features, size, dtype):
    rng = np.random.default_rng(0)
    ends = (channels, features) if kind == "conv" else (features, channels)
    kernel = rng.normal(size=(RUNS, 4, 4, *ends)).astype(dtype)
    bias = rng.normal(size=(RUNS, features)).astype(dtype)
    x = rng.normal(size=(RUNS, channels, *size, BATCH)).astype(dtype)
    return {"params": {"kernel": kernel, "bias": bias}}, x


def value_and_gradients(apply, params, x):
    def loss(params, x):
        y = apply(params, x)
        return jnp.sum(jnp.sin(y)), y

    gradients, y = jax.grad(loss, (0, 1), has_aux=True)(params, x)
    return y, gradients


def run_zero(tree):
    return jax.tree.map(lambda leaf: leaf[0], tree)


def assert_close(actual, expected, dtype):
    pairs = zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True)
    for a, b in pairs:
        assert a.dtype == b.dtype == dtype
        assert a.shape == b.shape
        assert np.max(np.abs(a - b)) <= TOLERANCE[dtype] * np.max(np.abs(b))


# In float64 every form is tested on each case; in float32 one case per kind suffices.
PRECISIONS = [(name, np.float64, form) for name in CASES for form in FORMS] + [
    (name, np.float32, form)
    for name in ("conv, windows", "transpose, patches")
    for form in FORMS
]


@pytest.mark.parametrize(("name", "dtype", "form"), PRECISIONS)
def test_values_and_gradients_are_those_of_flax_alone_and_under_vmap(name, dtype, form):
    case = CASES[name]
    kind, _, features, _ = case
    ours, theirs = apply_ours(kind, features, form), apply_flax(kind, features)

    @jax.jit
    def both(params, x):
        runs = [
            jax.vmap(lambda p, x, f=f: value_and_gradients(f, p, x))(params, x)
            for f in (ours, theirs)
        ]
        return *runs, value_and_gradients(ours, *run_zero((params, x)))

    with jax.enable_x64(dtype == np.float64):
        actual, expected, alone = jax.device_get(both(*draw(*case, dtype)))
        assert_close(actual, expected, dtype)
        assert_close(alone, run_zero(expected), dtype)


@pytest.mark.parametrize("kind", ["conv", "transpose"])
def test_parameters_have_the_names_and_shapes_of_flax(kind):
    ours, theirs = our_layer(kind, 5), flax_layer(kind, 5)
    keys = jax.eval_shape(lambda: jax.random.key(0))
    actual = jax.eval_shape(ours.init, keys, jnp.zeros((3, 4, 4, 2)))
    expected = jax.eval_shape(theirs.init, keys, jnp.zeros((2, 4, 4, 3)))
    assert actual == expected


def test_initial_parameters_do_not_depend_on_the_other_runs_under_vmap():
    x = jnp.zeros((3, 4, 4, 1))

    def init(r):
        return our_layer("conv", 5).init(jax.random.fold_in(jax.random.key(0), r), x)

    batch, alone = jax.jit(lambda r: (jax.vmap(init)(r), init(r[1])))(jnp.arange(3))
    for a, b in zip(jax.tree.leaves(batch), jax.tree.leaves(alone), strict=True):
        np.testing.assert_array_equal(a[1], b)
        assert np.all(a[0] != a[1])


def test_input_gradients_of_shared_data_are_summed_over_runs():
    params, x = draw("conv", 2, 3, (4, 4), np.float64)

    def loss(x, kernel):
        return jnp.sum(jnp.sin(convolution.conv(x, kernel)))

    def total(x, kernels):
        return jnp.sum(jax.vmap(loss, in_axes=(None, 0))(x, kernels))

    def one_by_one(x, kernels):
        return sum(loss(x, kernels[r]) for r in range(RUNS))

    with jax.enable_x64(True):
        x, kernels = x[0], params["params"]["kernel"]
        under_vmap, separate = (
            np.asarray(jax.jit(jax.grad(f))(x, kernels)) for f in (total, one_by_one)
        )
        assert_close(under_vmap, separate, np.float64)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_transpose_is_the_adjoint_of_the_convolution(channels):
    rng = np.random.default_rng(1)
    kernel = rng.normal(size=(4, 4, channels, 5))
    large, small = rng.normal(size=(channels, 6, 8, 2)), rng.normal(size=(5, 3, 4, 2))
    with jax.enable_x64(True):
        left = np.vdot(jax.jit(convolution.conv)(large, kernel), small)
        right = np.vdot(large, jax.jit(convolution.conv_transpose)(small, kernel))
        np.testing.assert_allclose(left, right, rtol=1e-12)


def test_second_derivatives_agree_with_finite_differences():
    rng = np.random.default_rng(2)
    x, kernel = rng.normal(size=(2, 2, 4, 2)), rng.normal(size=(4, 4, 2, 2))

    @jax.jit
    def round_trip(x, kernel):
        return jnp.sum(
            jnp.sin(convolution.conv_transpose(convolution.conv(x, kernel), kernel))
        )

    with jax.enable_x64(True):
        jax.test_util.check_grads(round_trip, (x, kernel), order=2, modes=["rev"])


@pytest.mark.parametrize(
    ("batch", "images_at_a_time"), [(5, 2), (4, 2), (3, 1), (2, 9)]
)
def test_images_that_take_turns_in_the_cache_give_the_same_gradient(
    batch, images_at_a_time, monkeypatch
):
    rng = np.random.default_rng(3)
    large = rng.normal(size=(batch, 6, 4, 3))
    small = rng.normal(size=(batch, 3, 2, 5))
    bytes_per_image = 16 * 3 * 3 * 2 * 4
    monkeypatch.setattr(blocks, "_CACHE", images_at_a_time * bytes_per_image)
    with jax.enable_x64(True):
        ours, reference = jax.jit(
            lambda large, small: [
                FORMS[form].kernel_gradient(large, small, None)
                for form in ("blocks", "convolutions")
            ]
        )(large, small)
        np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_blocks_have_no_dilated_and_no_grouped_convolution(case):
    layer = our_layer(case[0], case[2], "blocks").apply
    params, x = draw(*case, np.float32)
    arguments = params, x.transpose(0, 4, 2, 3, 1)

    def gradients(params, x):
        return value_and_gradients(layer, params, x)

    for function, inputs in (
        (gradients, run_zero(arguments)),
        (jax.vmap(gradients), arguments),
    ):
        equations = list(convolutions(jax.make_jaxpr(function)(*inputs).jaxpr))
        assert equations
        for parameters in equations:
            assert parameters["lhs_dilation"] == parameters["rhs_dilation"] == (1, 1)
            assert parameters["feature_group_count"] == 1
            assert parameters["batch_group_count"] == 1


def convolutions(jaxpr):
    """The parameters of each convolution of a program."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            yield equation.params
        for inner in core.jaxprs_in_params(equation.params):
            yield from convolutions(inner)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_products_contain_no_convolution_and_no_gather(case):
    layer = our_layer(case[0], case[2]).apply
    arguments = draw(*case, np.float32)

    def gradients(params, x):
        return value_and_gradients(layer, params, x)

    programs = [(gradients, run_zero(arguments)), (jax.vmap(gradients), arguments)]
    for function, inputs in programs:
        jaxpr = str(jax.make_jaxpr(function)(*inputs))
        lowered = jax.jit(function).lower(*inputs).as_text()
        assert "dot_general" in jaxpr
        for word in ("conv_general", "gather", "scatter"):
            assert word not in jaxpr
        for word in ("convolution", "gather", "scatter"):
            assert f"stablehlo.{word}" not in lowered


def test_an_odd_side_is_refused():
    with pytest.raises(ValueError, match="even height and width; got 5 × 4"):
        convolution.conv(jnp.ones((1, 5, 4, 2)), jnp.ones((4, 4, 1, 3)))


def test_a_kernel_of_another_shape_is_refused():
    with pytest.raises(AssertionError):
        convolution.conv(jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 1, 3)))
    with pytest.raises(AssertionError):
        convolution.conv_transpose(jnp.ones((1, 4, 4, 2)), jnp.ones((4, 4, 1, 3)))
