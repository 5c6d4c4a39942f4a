"""HTML from values; everything that is not marked as HTML is escaped."""

import base64
import html
import io
import json
import math
from typing import Any

import matplotlib.image
import numpy as np

_VOID = ("img", "input")  # elements without an end tag


class Html(str):
    """Text that is HTML already."""


def escape(value: Any) -> Html:
    """A value as escaped text of an element or attribute."""
    if isinstance(value, Html):
        return value
    return Html(html.escape(str(value), quote=True))


def tag(name: str, *inside: Any, **attributes: Any) -> Html:
    """An element.

    Args:
        name: Name of the element.
        *inside: Text, which is escaped, or `Html`, which is not.
        **attributes: `class_` means class, and `data_x` means data-x. True is written
            without a value; None and False are not written.
    """
    words = [name]
    for key, value in attributes.items():
        key = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(key)
        elif value is not None and value is not False:
            words.append(f'{key}="{html.escape(str(value), quote=True)}"')
    start = f"<{' '.join(words)}>"
    if name in _VOID:
        return Html(start)
    return Html(f"{start}{join(*inside)}</{name}>")


def join(*parts: Any) -> Html:
    """Joins parts."""
    return Html("".join(map(escape, parts)))


def data(identifier: str, value: Any) -> Html:
    """JSON for a page, in which no text can end the element or begin another."""
    text = json.dumps(
        _finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return tag("script", Html(text), type="application/json", id=identifier)


def picture(pixels: np.ndarray) -> str:
    """A lossless data URI of an image.

    Args:
        pixels: Grey `[H, W]`, or red, green, blue `[H, W, 3]` and alpha `[H, W, 4]`,
            uint8.
    """
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    file = io.BytesIO()
    options = {"lossless": True, "exact": True, "method": 4}
    matplotlib.image.imsave(file, pixels, format="webp", pil_kwargs=options)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"


def _finite(value: Any) -> Any:
    """The value with None for numbers that JSON does not have."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def box(inside: Html, label: str) -> Html:
    """A box in which contents that are wider than the page scroll."""
    return tag(
        "div", inside, class_="scroll", tabindex="0", role="region", aria_label=label
    )
