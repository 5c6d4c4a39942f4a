import jax
import numpy as np
import pytest

from experiments import sweep as sweeps


def test_memory_of_a_run_follows_the_compiled_program(small):
    few, many = (sweeps.vmapped_bytes(small.sweep, count) for count in (8, 64))
    assert few == pytest.approx(many, rel=0.25)
    # A state goes in and another comes out; the rest is activations of a batch.
    assert 2 * sweeps.state_bytes(small.sweep) < many
    init, _, _ = sweeps.functions(small.sweep)
    one = jax.tree.map(lambda leaf: leaf[0], small.settings)
    state = jax.eval_shape(init, jax.random.key(0), one)
    assert sweeps.state_bytes(small.sweep) == sum(
        4 * np.prod(leaf.shape, dtype=int) for leaf in jax.tree.leaves(state)
    )
