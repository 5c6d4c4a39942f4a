"""The section of a folder: scores, explorer, figures, runs and commands."""

from typing import Any

from experiments.report import about, score_tables, verdicts
from experiments.report.folder import Folder, title
from experiments.report.markup import Html, box, data, join, tag
from experiments.results import reading

_MEANS = (
    "The table shows means over runs with 95 % t-intervals. A bar shows the interval; "
    "the bars of a column share an axis."
)
_DIFFERENCES = (
    "The table shows differences from the reference, paired by seed, with 95 % "
    "intervals, each by itself. A difference is bold if its interval excludes 0, which "
    "the upright line marks."
)
_SCRIPTED = tag("noscript", tag("p", "This part needs JavaScript."))


def section(
    identifier: str, folder: Folder, exploration: dict[str, Any] | str, level: int
) -> Html:
    """The section.

    Args:
        identifier: The element's id; those of its parts begin with it.
        folder: The contents of the folder.
        exploration: The explorer's data, or why there are none.
        level: Level of the headings of its parts; above 2 the section has a heading.
    """
    results, env, name = folder.results, folder.env, title(folder)
    question, expected = about.question(env)
    parts = {
        "Findings": verdicts.table(results, env, name),
        "Scores": _scores(results, name),
        "Explorer": _explorer(exploration, results, level + 1),
        "Figures": _drawn(folder),
        "Runs": _runs(results),
        "Run it again, or change it": _commands(folder),
    }
    parts = {heading: part for heading, part in parts.items() if part}
    slugs = {h: f"{identifier}-{h.split()[0].lower()}" for h in parts}
    links = [tag("li", tag("a", h, href=f"#{slug}")) for h, slug in slugs.items()]
    facts = about.facts(results, env)
    return tag(
        "section",
        tag("h2", name) if level > 2 else "",
        tag("p", question, class_="question") if question else "",
        tag("p", tag("strong", "Expected: "), expected) if expected else "",
        tag(
            "dl", *(join(tag("dt", k), tag("dd", v)) for k, v in facts), class_="facts"
        ),
        _deviations(results.config.get("deviations")),
        tag("nav", tag("ul", *links), aria_label=f"Parts: {name}"),
        *(
            join(tag(f"h{level}", heading, id=slugs[heading]), part)
            for heading, part in parts.items()
        ),
        data(
            f"{identifier}-data",
            {
                "runs": score_tables.runs(results),
                "explorer": exploration if isinstance(exploration, dict) else None,
            },
        ),
        class_="folder",
        id=identifier,
        data_name=name,
    )


def _deviations(deviations: Any) -> Html:
    if not isinstance(deviations, list) or not deviations:
        return Html("")
    lines = [tag("li", line) for line in deviations]
    return tag(
        "details", tag("summary", "Where it departs from the paper"), tag("ul", *lines)
    )


def _scores(results: reading.Results, name: str) -> Html:
    if not results.summary:
        return tag("p", "No run has finished yet: there is no summary.csv.")
    options = [
        tag("option", name, value=i)
        for i, name in enumerate(score_tables.labels(results))
    ]
    select = tag(
        "select",
        tag("option", "none (show means)", value=""),
        *options,
        class_="reference",
        autocomplete="off",
    )
    reference = tag("div", tag("label", "Differences from", select), class_="controls")
    scores = score_tables.scores_of(results)
    first = score_tables.drawn(results)
    return join(
        score_tables.definitions(first),
        tag(
            "details",
            tag("summary", "What the other scores are"),
            score_tables.definitions([s for s in scores if s not in first]),
        ),
        reference if results.scores and len(options) > 1 else "",
        tag(
            "p",
            _MEANS,
            class_="note compared",
            aria_live="polite",
            data_means=_MEANS,
            data_differences=_DIFFERENCES,
        ),
        tag("p", f"Scroll sideways for all {len(scores)} scores.", class_="note"),
        box(score_tables.means(results), f"Means: {name}"),
    )


def _explorer(
    exploration: dict[str, Any] | str, results: reading.Results, level: int
) -> Html:
    if isinstance(exploration, str):
        return tag(
            "p", f"The explorer is not in this report. {exploration}", class_="note"
        )
    runs, total = len(exploration["runs"]), len(results.scores or {})
    score = exploration["score"]
    *most, last = dict.fromkeys(run["role"] for run in exploration["runs"])
    roles = f"{', '.join(most)} and {last}" if most else last
    words = (
        f"The explorer has {runs} of {total} runs: the {roles} one of each setting by "
        f"{score}. "
    )
    words += (
        "Move a latent to see the image; the others stay at the code of the base image."
        if exploration["size"]
        else "Move z in its plane, with the sliders or a pointer."
    )
    return join(
        tag("p", words, class_="note"),
        _SCRIPTED,
        tag("div", class_="explorer", data_level=level),
    )


def _runs(results: reading.Results) -> Html:
    if not results.scores or not results.summary:
        return Html("")
    return join(_SCRIPTED, tag("div", class_="runs"))


def _drawn(folder: Folder) -> Html:
    drawn = []
    for name, (uri, width) in folder.figures.items():
        words = name.replace("_", " ")
        image = tag(
            "img",
            src=uri,
            width=width // 2,
            alt=f"Figure: {words}. Its numbers are in the tables of this report.",
        )
        drawn.append(
            tag(
                "figure",
                box(image, f"{words}: {title(folder)}"),
                tag("figcaption", words),
            )
        )
    return tag("div", *drawn, class_="figures") if drawn else Html("")


def _commands(folder: Folder) -> Html:
    command = about.command(folder.env)
    if not command:
        return Html("")
    return join(
        tag("p", "This command made the folder:"),
        _code(command),
        tag(
            "p",
            "These train a variant with one hyper-parameter changed, and report on it:",
        ),
        _code(*about.changed(folder.env, folder.results)),
        tag(
            "p",
            "Every field of the config can be set in this way; add --help to the first "
            "command for a list. Values separated by commas are swept.",
            class_="note",
        ),
    )


def _code(*commands: str) -> Html:
    """Commands, a line each; a line that is too long breaks between arguments."""
    parts: list[Html | str] = []
    for command in commands:
        parts += ["\n"] if parts else []
        for place, word in enumerate(command.split(" ")):
            parts += [" " * (place > 0), tag("span", word)]
    return tag("pre", *parts, tabindex="0")
