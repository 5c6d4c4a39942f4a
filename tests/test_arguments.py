"""Public functions take what users bring: NumPy, lists, half precision, x64.

Most functions are only traced, hardly any are compiled.
"""

import ast
import itertools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from decomp import aggregate
from decomp.distributions import bernoulli, gaussian
from decomp.distributions.bernoulli import Bernoulli
from decomp.distributions.gaussian import Gaussian
from tests.calls_of_estimates import CASES

ARRAYS_ONLY = {  # these take a batch of a network, examples x or a tree of parameters
    *("importance.iwae", "importance.log_likelihood", "losses.terms"),
    *("dense.DenseEncoder", "dense.DenseEncoder, bfloat16", "dense.GaussianDecoder"),
    *("dense.BernoulliDecoder", "discriminator.Discriminator"),
    *("conv_vae.ConvEncoder", "conv_vae.ConvDecoder", "corollary_2.gradients"),
}
ROOT = pathlib.Path(__file__).parent.parent / "decomp"
EXCUSED = {
    "extras": "looks for packages",
    "metrics": "tests/decomp/metrics tests them",
    "datasets.readers.cache": "reads bytes",
    "datasets.readers.download": "reads files",
    "datasets.dsprites.load": "reads files",
    "datasets.dsprites.pooled": "counts bits on the host",
    "datasets.renderers.dsprites_looks.with_colours": "writes bytes on the host",
    "datasets.renderers.dsprites_looks.with_noise": "writes bytes on the host",
    "networks.dense.linear": "is called by modules, which are in the table",
    "networks.dense.hidden_layer": "is called by modules, which are in the table",
    "networks.convolution.form_for": "returns a name",
    "networks.conv_vae.layers": "returns a number",
    "networks.form.patches_are_fewer": "takes numbers of channels, of a layer",
    "networks.form.shift": "takes activations of a network",
    "networks.form.taps": "takes the kernel of a convolution, in its precision",
    "networks.products.activations": "takes activations of a network",
    "networks.products.for_convolution": "takes what `operands` returns",
    "networks.initialisers": "returns functions of Flax",
    "runs": "returns compiled functions",
    "datasets.clusters": "takes numbers of points, no arrays",
    "distributions.__init__": "returns a module",
    "model": "is a part of fit",
    "vae": "is a part of fit",
    "own_functions": "looks at shapes",
    "schedules": "takes the share of the training done",
    "trained": "takes and returns trained networks",
    "fit_options": "is a part of fit",
    "fitting": "trains networks",
    "divergences.estimates": "tests/decomp/test_fit.py and the sweeps call them",
    "training": "returns functions of a run",
    "numerics.floats": "is what the table tests; it has tests of its own",
}


def public_functions():
    """Public functions, as module.function."""
    for path in sorted(ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        tree = ast.parse(path.read_text())
        if module.startswith("datasets") and "import jax" not in path.read_text():
            continue  # NumPy on the host
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield f"{module}.{node.name}"


def test_every_public_function_is_in_the_table_or_has_a_reason_not_to_be():
    names = {name.partition(",")[0] for name in CASES}
    for name in public_functions():
        excused = any(name.startswith(part) for part in EXCUSED)
        assert excused or ".".join(name.split(".")[-2:]) in names, name


def cast(arguments, *kinds):
    """Casts the leaves with the functions in turn; each takes an array of float64."""
    turns = itertools.cycle(kinds)
    return jax.tree.map(lambda leaf: next(turns)(np.asarray(leaf)), arguments)


def float32(x):
    return jnp.asarray(x, jnp.float32)


def numpy32(x):
    return x.astype(np.float32)


def big_endian(x):
    return x.astype(">f4")


def bfloat16(x):
    return x.astype(jnp.bfloat16)


def float16(x):
    return x.astype(np.float16)


def as_list(x):
    return x.tolist()


def precisions(function, *arguments):
    """Names of the floating dtypes of the results that are not weakly typed."""
    leaves = jax.tree.leaves(jax.eval_shape(function, *arguments))
    floating = [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return {leaf.dtype.name for leaf in floating if not leaf.weak_type}


@pytest.mark.parametrize("name", CASES)
def test_numpy_lists_and_half_precision_are_computed_in_float32(name):
    function, *arguments = CASES[name]
    kinds = [as_list, numpy32, float16, big_endian, bfloat16, lambda x: x]
    if name in ARRAYS_ONLY:
        kinds = [numpy32, float16, bfloat16, lambda x: x]
    inputs = cast(arguments, *kinds)
    assert precisions(lambda: function(*inputs)) <= {"float32"}
    if name.endswith("bfloat16"):
        return  # the function itself rounds to bfloat16
    halves = cast(arguments, bfloat16, float16)
    lines = str(jax.make_jaxpr(function)(*halves)).splitlines()
    results = [line.split(" = ")[0] for line in lines if " = " in line]
    assert not any("f16[" in result for result in results)  # none is in half precision


@pytest.mark.parametrize("name", CASES)
@pytest.mark.slow
def test_under_x64_float32_stays_float32_and_grad_takes_mixed_precision(name):
    function, *arguments = CASES[name]

    def total(*arguments):
        leaves = map(jnp.asarray, jax.tree.leaves(function(*arguments)))
        return sum(jnp.sum(leaf) for leaf in leaves if leaf.dtype.kind == "f")

    with jax.enable_x64(True):
        with jax.numpy_dtype_promotion("strict"):
            assert precisions(function, *cast(arguments, float32)) <= {"float32"}
        if not arguments:
            return
        gradient = jax.vmap(jax.grad(total, tuple(range(len(arguments)))))
        mixture = cast(arguments, float32, jnp.asarray)
        batch = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((2, *leaf.shape), leaf.dtype), mixture
        )
        slopes = jax.eval_shape(gradient, *batch)
        for leaf, slope in zip(
            *map(jax.tree.leaves, (batch, list(slopes))), strict=True
        ):
            assert (slope.shape, slope.dtype) == (leaf.shape, leaf.dtype)


DRAWS = ("aggregate.sample", "mixture.sample", "adversarial.permute_dims")
DRAWS += ("kl_aggregate_prior.kl_aggregate_prior_exact", "pinwheel.sample")
DRAWS += ("moons.sample",)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in DRAWS else pytest.mark.slow)
        for name in CASES
    ],
)
def test_values_and_draws_are_the_same_under_x64_and_from_numpy(name):
    function, *arguments = CASES[name]
    expected = jax.jit(function)(*cast(arguments, float32))
    with jax.enable_x64(True):
        under_x64 = jax.jit(function)(*cast(arguments, float32))
    from_numpy = cast(arguments, numpy32, float16, bfloat16, lambda x: x)
    others = (under_x64, jax.jit(lambda: function(*from_numpy))())
    for other in others:
        for a, b in zip(*map(jax.tree.leaves, (expected, other)), strict=True):
            np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-6)


def test_bytes_do_not_wrap_and_sums_are_not_rounded_to_half_precision():
    rng = np.random.default_rng(0)
    loc, z = np.array([3, 200], np.uint8), np.array([1, 100], np.uint8)
    log_prob = gaussian.log_prob(Gaussian(loc, np.array([1, 2], np.uint8)), z)
    exact = stats.norm.logpdf([1.0, 100.0], [3.0, 200.0], [1.0, 2.0]).sum()
    np.testing.assert_allclose(log_prob, exact, rtol=1e-6)
    logits = jnp.asarray(rng.normal(size=4096), jnp.bfloat16)
    x = rng.integers(0, 2, 4096)
    wide = np.asarray(logits, np.float64)
    exact = np.sum(x * wide - np.logaddexp(0, wide))
    for argument in (logits, np.asarray(logits)):
        log_prob = bernoulli.log_prob(Bernoulli(argument), x)
        np.testing.assert_allclose(log_prob, exact, rtol=1e-6)
    means = jnp.asarray(rng.normal(size=(500, 2)), jnp.bfloat16)
    scales = jnp.full((500, 2), 0.3, jnp.float16)
    wide = stats.norm.logpdf(0.2, *(np.asarray(x, np.float64) for x in (means, scales)))
    exact = special.logsumexp(wide.sum(1)) - np.log(500)
    log_prob = aggregate.log_prob(Gaussian(means, scales), np.full(2, 0.2))
    np.testing.assert_allclose(log_prob, exact, rtol=1e-6)
