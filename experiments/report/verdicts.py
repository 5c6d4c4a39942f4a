"""The paper's findings that a folder of results can test, and their verdicts."""

from typing import Any

from experiments.findings import claims, effects, load, markdown
from experiments.findings.effects import Finding
from experiments.report.markup import Html, box, join, tag
from experiments.results import reading

_NOTE = (
    "These statements of the papers can be decided from this sweep. Effects are paired "
    "by seed, and the intervals of a finding hold together with 95 % (Bonferroni). A "
    "finding holds if every whole interval is where the paper expects it; a comparison "
    "is open if its interval lies on both sides. Where the paper expects no rise (not "
    "> 0), it holds unless the data show one; few seeds seldom do."
)


def table(results: reading.Results, env: dict[str, Any], name: str) -> Html:
    """A row per finding with its effects; nothing if the settings can test none."""
    if not results.scores:
        return Html("")
    findings = claims.of(load.of(results, name, env))
    if not findings:
        return Html("")
    head = [
        tag("th", words, scope="col")
        for words in ("", "statement of the paper", "in this sweep")
    ]
    return join(
        tag("p", _NOTE, class_="note"),
        box(
            tag(
                "table",
                tag("thead", tag("tr", *head)),
                tag("tbody", *map(_row, findings)),
                class_="findings",
            ),
            f"Findings: {name}",
        ),
    )


def _row(finding: Finding) -> Html:
    lines = [
        tag(
            "tr",
            tag("th", c.label, scope="row"),
            tag("td", effects.written(c)),
            tag("td", f"expected {c.wanted}" if c.wanted else ""),
            tag("td", c.answer),
        )
        for c in finding.comparisons
    ]
    details = tag(
        "details",
        tag("summary", finding.measure),
        tag("table", tag("tbody", *lines), class_="effects"),
    )
    return tag(
        "tr",
        tag("th", finding.name, scope="row"),
        tag("td", markdown.sentence(finding.statement), details, class_="word"),
        tag("td", tag("strong", finding.verdict), class_="word"),
    )
