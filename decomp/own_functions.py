"""Checks a user's function by its shapes, and reports errors in one line."""

from collections.abc import Callable
from typing import Any

import jax


def shapes(
    what: str, function: Callable[..., Any], *arguments: Any, verb: str = "computed"
) -> Any:
    """The shapes of what a function returns, without computing it.

    Args:
        what: What the function is, such as "prior.name = mine".
        function: Called with abstract arguments, as by `jax.eval_shape`.
        arguments: Arrays or their shapes.
        verb: What cannot be done with the function if it fails, for the error.

    Raises:
        ValueError: One line, whatever the function raises.

    >>> import jax.numpy as jnp
    >>> shapes("a sum over rows", lambda x: x.sum(axis=0), jnp.ones((3, 2))).shape
    (2,)
    """
    try:
        return jax.eval_shape(function, *arguments)
    except Exception as error:  # of whatever kind a user's function raises
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{what} cannot be {verb}: {reason}") from None


def check_shape(what: str, part: str, value: Any, shape: tuple[int, ...]) -> None:
    """Checks one array that a function returned.

    Args:
        what: What the function is, such as "prior.name = mine".
        part: What the array is.
        value: The array or its shape, from `shapes`.
        shape: The shape that is needed.

    Raises:
        ValueError: One line that says which shape was expected and which came.
    """
    if getattr(value, "shape", None) != shape:
        raise ValueError(
            f"{what} must give {part} of shape {list(shape)}; got "
            f"{list(getattr(value, 'shape', ()))}."
        )
