"""Builds the API reference of the library from its docstrings.

    make docs      # python -m experiments.api_reference, with pdoc from PyPI

It writes dist/docs. A comment at a field of a class or at a constant, such as
`# [B, D]`, documents it: behind the line, or on the lines before it.
"""

import ast
import dataclasses
import inspect
import pathlib
import re
import sys
import tempfile
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import optax

import decomp
from experiments.system.terminal import say

_FOLDER = pathlib.Path("dist/docs")
# Beside pdoc's own style: colours on a dark screen, and long lines on a narrow one.
_STYLE = """
@media (max-width: 769px) {
  .pdoc .param, .pdoc .return-annotation {
    white-space: pre-wrap; overflow-wrap: anywhere;
  }
  .pdoc pre { font-size: .75rem; }
}
.pdoc pre {
  background: linear-gradient(to right, var(--code) 30%, transparent) left / 2rem 100%,
    linear-gradient(to left, var(--code) 30%, transparent) right / 2rem 100%,
    linear-gradient(to right, var(--muted), transparent) left / .6rem 100%,
    linear-gradient(to left, var(--muted), transparent) right / .6rem 100%, var(--code);
  background-repeat: no-repeat;
  background-attachment: local, local, scroll, scroll, local;
}
@media (prefers-color-scheme: dark) {
  :root { --pdoc-background: #15171c; color-scheme: dark; }
  .pdoc {
    --text: #e6e6e6; --muted: #9aa0a6; --link: #8ab4f8; --link-hover: #b3cdfa;
    --code: #1e2128; --active: #4a4426; --accent: #23262e; --accent2: #3c4048;
    --nav-hover: rgba(255, 255, 255, .08); --name: #8ab4f8; --def: #7ee787;
    --annotation: #7ee787;
  }
  .pdoc .pdoc-button { border-color: var(--muted); }
  .pdoc-code :is(.k, .kc, .kn, .kd, .nb, .nc, .ow) { color: #7ee787; }
  .pdoc-code :is(.s1, .s2, .sd, .sa, .si, .se) { color: #ffb199; }
  .pdoc-code :is(.mi, .mf, .o, .gp, .go, .nv) { color: #b0b8c1; }
  .pdoc-code :is(.c1, .cm) { color: #8fb8b8; }
  .pdoc-code :is(.nf, .fm, .nn, .ne, .nd, .bp) { color: #8ab4f8; }
}
"""


def main(arguments: Sequence[str] = ()) -> int:
    """Writes a page per module; returns 0."""
    del arguments
    import pdoc
    from pdoc import doc, doc_ast

    # A name of Optax that pdoc cannot see, in the type of the state of an optimiser.
    warnings.filterwarnings("ignore", "Error parsing type annotation .*ArrayTree")
    for name in ("fit", "load"):  # pdoc lists what a module has, and these are lazy
        setattr(decomp, name, getattr(decomp, name))
    doc_ast.walk_tree = with_comments(doc_ast.walk_tree)
    inspect.formatannotation = with_public_names(inspect.formatannotation)
    doc.formatannotation = inspect.formatannotation
    written_value = doc.Variable.default_value_str.func  # such as that of a type alias
    doc.Variable.default_value_str = property(with_public_names(written_value))
    with tempfile.TemporaryDirectory() as templates:
        style = pathlib.Path(templates) / "custom.css"
        style.write_text(_STYLE, encoding="utf-8")
        pdoc.render.configure(docformat="google", template_directory=style.parent)
        pdoc.pdoc("decomp", output_directory=_FOLDER)
    say(str(_FOLDER / "index.html"))
    return 0


def with_public_names(writer: Callable[..., str]) -> Callable[..., str]:
    """A function that writes types, without the private modules that define them.

    The argument is such a function, as `inspect.formatannotation`.

    >>> with_public_names(str)("jax._src.mesh.Mesh | typing.Any")
    'jax.Mesh | Any'
    >>> with_public_names(str)("collections.abc.Callable[[jax.jaxlib._jax.Array], int]")
    'Callable[[jax.Array], int]'
    """
    private = re.compile(r"\b(\w+)\.(?:\w+\.)*?_\w+\.(?:\w+\.)*(?=[A-Z])")
    standard = re.compile(r"\b(?:typing|collections\.abc)\.")

    def written_publicly(*annotation: Any, **options: Any) -> str:
        if annotation[0] == optax.OptState:  # a union of many types
            return "optax.OptState"
        text = private.sub(r"\1.", writer(*annotation, **options))
        return standard.sub("", text)

    return written_publicly


def with_comments(walk: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """pdoc's `walk_tree`, with comments as the docstrings of fields and constants."""

    def walk_with_comments(obj: types.ModuleType | type) -> Any:
        info = walk(obj)
        if hasattr(obj, "_fields"):  # without "Create new instance of ..."
            obj.__new__.__doc__ = None
        try:
            texts = comments(inspect.getsource(obj))
        except (OSError, TypeError):  # it has no source
            return info
        # A blank takes the place of "Alias for field number 0" of a named tuple.
        blank = dict.fromkeys(getattr(obj, "_fields", ()), " ")
        texts = blank | texts | info.var_docstrings
        return dataclasses.replace(info, var_docstrings=texts)

    return walk_with_comments


def comments(source: str) -> dict[str, str]:
    r"""The comments of the fields of a class, or of the constants of a module, by name.

    >>> comments("class A:\n    # The mean,\n    # and more.\n    x: int  # [D]\n")
    {'x': 'The mean, and more. [D]'}
    >>> comments("BLOCK = 16  # images, at once\n_HIDDEN = 1  # no documentation\n")
    {'BLOCK': 'Images, at once'}
    """
    lines = source.splitlines()
    (first, *_) = body = ast.parse(source).body
    texts = {}
    for node in first.body if isinstance(first, ast.ClassDef) else body:
        target = getattr(node, "target", None) or getattr(node, "targets", [None])[0]
        if not isinstance(target, ast.Name) or target.id.startswith("_"):
            continue
        words = [*_before(lines, node.lineno - 1), *_behind(lines[node.end_lineno - 1])]
        if words:
            text = " ".join(words)
            is_word = text[:2].isalpha()  # and not a variable, such as z
            texts[target.id] = text[0].upper() + text[1:] if is_word else text
    return texts


def _before(lines: list[str], place: int) -> list[str]:
    """The lines of comment that stand alone right before a line."""
    start = place
    while start and lines[start - 1].lstrip().startswith("# "):
        start -= 1
    return [line.strip()[2:] for line in lines[start:place]]


def _behind(line: str) -> list[str]:
    """The comment at the end of a line, if it has one."""
    _, mark, text = line.rpartition("  # ")
    return [text] if mark else []


if __name__ == "__main__":
    sys.exit(main())
