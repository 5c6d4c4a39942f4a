"""`jax.jit` for code that runs only a few times; it compiles in a third of the time."""

import functools

import jax

jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
