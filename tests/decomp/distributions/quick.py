"""Compiled functions for tests: one program is made sooner than one per operation."""

import functools
import inspect
import types

import jax

jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def compiled(module):
    """The public functions of a module, each compiled; keyword arguments are static."""
    functions = {}
    for name, function in vars(module).items():
        if inspect.isfunction(function) and function.__module__ == module.__name__:
            parameters = inspect.signature(function).parameters.values()
            static = [p.name for p in parameters if p.kind == p.KEYWORD_ONLY]
            functions[name] = jax.jit(function, static_argnames=static)
    return types.SimpleNamespace(**functions)
