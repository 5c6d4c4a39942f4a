"""Presets: the settings of published variants, whose name is recorded with a score."""

from collections.abc import Mapping
from typing import Any

import jax


@jax.tree_util.register_static
class Preset(str):
    """The name of a variant with its changed settings, such as `locatello, samples=32`.

    It is a static string, which jit and vmap leave unchanged.
    """


def resolve(
    presets: Mapping[str, Mapping[str, Any]], name: str, **replacements: Any
) -> tuple[dict[str, Any], Preset]:
    """The settings of a preset, some of them replaced.

    Args:
        presets: The settings of each preset.
        name: The name of a preset.
        **replacements: Settings in place of the preset's; None keeps the preset's.

    Returns:
        The settings, and the name of the preset with the replaced settings.

    Raises:
        ValueError: For an unknown preset.

    >>> resolve({"locatello": {"bins": 20}}, "locatello", bins=50)
    ({'bins': 50}, 'locatello, bins=50')
    """
    if name not in presets:
        choices = ", ".join(sorted(presets))
        raise ValueError(f"unknown preset {name!r}; choices: {choices}.")
    settings = dict(presets[name])
    changed = {
        key: value
        for key, value in replacements.items()
        if value is not None and not _same(settings.get(key), value)
    }
    notes = [f"{key}={_text(value)}" for key, value in changed.items()]
    return settings | changed, Preset(", ".join([name, *notes]))


def _same(old: Any, new: Any) -> bool:
    """Whether a setting is equal to that of the preset."""
    return isinstance(new, (bool, int, float, str, tuple)) and old == new


def _text(value: Any) -> str:
    """The text of a setting, or "given" for an array."""
    plain = isinstance(value, (bool, int, float, str, tuple))
    return str(value) if plain else "given"
