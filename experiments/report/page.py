"""The page: a section per folder, in one file that needs no network."""

import base64
import hashlib
import pathlib
import string
from collections.abc import Sequence
from typing import Any

from experiments.report import explorer, score_tables
from experiments.report.folder import Folder, title
from experiments.report.markup import escape, join, tag
from experiments.report.section import section
from experiments.sweep import trained

_HERE = pathlib.Path(__file__).parent
# Parts of the script in order: the first has shared functions, the last one runs.
_SCRIPT = (
    *("elements", "means", "runs", "explorer", "images", "latents", "plane"),
    "start",
)
_BYTES = 4_800_000  # that a page may have
_PER_SCORE = 12  # bytes per score in the table of runs


def explore(folders: Sequence[Folder]) -> list[dict[str, Any] | str]:
    """The explorer's data of each folder, or why there are none.

    The folders share the bytes that figures and tables of runs leave.
    """
    size = sum(len(uri) for f in folders for uri, _ in f.figures.values())
    for folder in folders:
        values = len(score_tables.scores_of(folder.results)) * len(
            folder.results.scores or {}
        )
        size += _PER_SCORE * values
    room = max(0, _BYTES - size) // len(folders)
    explorations: list[dict[str, Any] | str] = []
    for folder in folders:
        score = next(iter(score_tables.scores_of(folder.results)), "loss")
        try:
            sweep = trained.finished(folder.workdir)
        except (ValueError, OSError) as error:
            explorations.append(" ".join(str(error).split()))
            continue
        explorations.append(explorer.build(sweep, score, room) or "Every run diverged.")
    return explorations


def page(folders: Sequence[Folder], explored: Sequence[dict[str, Any] | str]) -> str:
    """The HTML of the report.

    Args:
        folders: At least one.
        explored: The results of `explore`, one per folder.
    """
    titles = [title(folder) for folder in folders]
    several = len(folders) > 1
    name = f"{len(folders)} experiments" if several else titles[0]
    links = [tag("li", tag("a", t, href=f"#folder-{i}")) for i, t in enumerate(titles)]
    contents = tag("nav", tag("ul", *links), aria_label="Experiments")
    sections = [
        section(f"folder-{i}", folder, exploration, 3 if several else 2)
        for i, (folder, exploration) in enumerate(zip(folders, explored, strict=True))
    ]
    body = join(
        tag(
            "header",
            tag("p", "decomp: report", class_="brand"),
            tag("h1", name),
            contents if several else "",
        ),
        tag("main", *sections),
    )
    style = _text("page.css")
    script = "\n".join(_text(f"script/{part}.js") for part in _SCRIPT)
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'"
    )
    return string.Template(_text("page.html")).substitute(
        policy=escape(policy),
        title=escape(name),
        style=style,
        script=script,
        body=body,
    )


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The hash of an element's text, as a content security policy names it."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"sha256-{digest}"
