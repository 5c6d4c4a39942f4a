"""Checks a user's function by its shapes, and reports errors in one line."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np


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
    is_array = hasattr(value, "shape") or isinstance(value, bool | int | float)
    if not is_array or np.shape(value) != shape:
        came = list(np.shape(value)) if is_array else f"a {type(value).__name__}"
        raise ValueError(f"{what} must give {part} of shape {list(shape)}; got {came}.")


def of_rows(
    what: str,
    part: str,
    function: Callable[[Any], jax.Array],
    rows: Any,
    shape: tuple[int, ...] = (),
) -> jax.Array:
    """The values of a function of one row for all rows, checked by their shape.

    A log-density per dimension, `[D]`, in place of their sum, `[]`, would otherwise
    broadcast against the rows wherever there are as many of them, or one dimension.

    Args:
        what: What the function is, such as "log_pz".
        part: What it gives.
        function: Maps one row to a value.
        rows: An array, or a tree of arrays, whose first axis is that of the rows.
        shape: The shape of one value.

    Returns:
        The values `[rows, *shape]`.

    Raises:
        ValueError: One line that says which shape was expected and which came.

    >>> import jax.numpy as jnp
    >>> of_rows("total", "a sum", jnp.sum, jnp.ones((3, 2))).tolist()
    [2.0, 2.0, 2.0]
    """
    one = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), rows
    )
    check_shape(what, part, jax.eval_shape(function, one), shape)
    return jax.vmap(function)(rows)


def posteriors(encode: Callable[[Any], Any], x: Any) -> Any:
    """What an encoder gives for a batch, checked to have a mean and a scale.

    Raises:
        ValueError: One line, for anything but a `Gaussian`, such as a pair of arrays.
    """
    q = encode(x)
    if not (hasattr(q, "loc") and hasattr(q, "scale")):
        raise ValueError(
            "encode must give a Gaussian(loc, scale) of decomp.distributions.gaussian; "
            f"got a {type(q).__name__}."
        )
    return q
