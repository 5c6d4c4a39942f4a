"""Searches for counter-examples with hypothesis, with one compilation per group.

A group is a table of functions to `[]` that take the same inputs, of fixed shapes.
Hypothesis draws extreme legal inputs; an example costs one call of compiled code.
"""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decomp.distributions.gaussian import Gaussian

EXAMPLES, MANY = 40, 500
PROFILE = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SCALE = st.sampled_from((1.0, 1e-6, 1e6, 1e-3, 1e3)) | st.floats(0.5, 2.0)
PLACE = st.sampled_from((0.0, 1.0, -3.0, 1e-6, 1e4, -1e4, 1e6)) | st.floats(-2.0, 2.0)
LOGIT = st.sampled_from((0.0, 1.0, -1.0, 90.0, -90.0, 1e4, -1e4))
DF = st.sampled_from((3.0, 0.5, 1.0, 2.0, 1e3, 1e6, np.inf))
BETA = st.sampled_from((1.0, 0.5, 1.5, 4.0, 1e3)).map(np.float32)


def array(elements, *shape):
    """Float32 arrays of one shape."""
    size = int(np.prod(shape))
    lists = st.lists(elements, min_size=size, max_size=size)
    return lists.map(lambda values: np.array(values, np.float32).reshape(shape))


def gaussians(*shape):
    return st.builds(Gaussian, array(PLACE, *shape), array(SCALE, *shape))


def log_weights(count):
    """Logits, of which any but the first may be −∞."""
    others = array(LOGIT | st.just(-np.inf), count - 1)
    return st.tuples(array(LOGIT, 1), others).map(np.concatenate)


def total(function):
    """The sum of all leaves that a function returns."""
    return lambda *arguments: sum(
        jnp.sum(leaf) for leaf in jax.tree.leaves(function(*arguments))
    )


def total_with_key(function, **options):
    return total(lambda *p: function(jax.random.key(0), *p, **options))


def assert_finite(functions, inputs, *, examples):
    """Asserts that all values and gradients are finite, naming the others."""

    @jax.jit
    def values_and_gradients(arguments):
        arguments = jax.tree.map(jnp.asarray, arguments)
        positions = tuple(range(len(arguments)))
        return {
            name: jax.value_and_grad(function, positions)(*arguments)
            for name, function in functions.items()
        }

    @settings(PROFILE, max_examples=examples)
    @given(st.tuples(*inputs))
    def holds(arguments):
        for name, leaves in values_and_gradients(arguments).items():
            for leaf in jax.tree.leaves(leaves):
                assert np.isfinite(leaf).all(), (name, leaf)

    holds()
