"""Published variants of a metric: named settings, recorded with the number."""

from collections.abc import Mapping
from typing import Any

import jax


@jax.tree_util.register_static
class Preset(str):
    """How a number was made, such as `locatello, samples=32`.

    A string without array leaves: it passes through jit and vmap as it is.
    """


def resolve(
    presets: Mapping[str, Mapping[str, Any]], name: str, **given: Any
) -> tuple[dict[str, Any], Preset]:
    """The settings of a preset with the given ones in their place.

    Args:
        presets: Settings of each preset.
        name: One of them.
        **given: Settings that replace the preset's; None keeps the preset's.

    Returns:
        The settings, and the name of the preset with what was replaced.

    Raises:
        ValueError: Unknown preset.
    """
    if name not in presets:
        raise ValueError(f"Unknown preset {name!r}. Available are {sorted(presets)}.")
    settings = dict(presets[name])
    changed = {
        key: value
        for key, value in given.items()
        if value is not None and not _same(settings.get(key), value)
    }
    notes = [f"{key}={_brief(value)}" for key, value in changed.items()]
    return settings | changed, Preset(", ".join([name, *notes]))


def _same(old: Any, new: Any) -> bool:
    """Whether a given setting is the preset's own."""
    return isinstance(new, (bool, int, float, str, tuple)) and old == new


def _brief(value: Any) -> str:
    """A setting in a word."""
    plain = isinstance(value, (bool, int, float, str, tuple))
    return str(value) if plain else "given"
