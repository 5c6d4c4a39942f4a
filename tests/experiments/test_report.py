import html.parser
import json
import math
import re
import shlex
import shutil

import numpy as np
import pytest

from configs import pinwheel, shapes_anisotropic, sparse, tc_ablation
from experiments.config import command_line, settings
from experiments.findings import claims, effects, load
from experiments.report import __main__ as report
from experiments.report import about, markup, score_tables, verdicts
from experiments.results import reading, summary
from tests.experiments import untrained

HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='hacked()'>\"&"


@pytest.fixture(scope="module")
def page(image_results, plane_results, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert report.main([str(image_results), str(plane_results), f"--out={path}"]) == 0
    return path


class Elements(html.parser.HTMLParser):
    """All elements of a page with their attributes and texts, without nesting."""

    def __init__(self, text):
        super().__init__()
        self.all = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs), []))

    def handle_data(self, data):
        if self.all:
            self.all[-1][2].append(data)

    def named(self, name):
        return [(attrs, "".join(text)) for tag, attrs, text in self.all if tag == name]


def data_of(page, place=0):
    for attributes, text in Elements(page.read_text()).named("script"):
        if attributes.get("id") == f"folder-{place}-data":
            return json.loads(text)
    raise AssertionError("the page has no data of this folder")


def test_equal_files_give_equal_bytes(page, image_results, plane_results, tmp_path):
    copy = tmp_path / "copy.html"
    report.main([str(image_results), str(plane_results), f"--out={copy}"])
    assert copy.read_bytes() == page.read_bytes()


def test_a_page_refers_to_nothing_outside_itself(page):
    elements = Elements(page.read_text())
    for name, attributes, _ in elements.all:
        for key in ("src", "href"):
            assert attributes.get(key, "#").startswith(("#", "data:")), (name, key)
        assert not [key for key in attributes if key.startswith("on")], name
        assert "style" not in attributes, name
    (policy,) = [
        attributes["content"]
        for attributes, _ in elements.named("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy


def test_the_table_of_means_has_every_setting_score_and_unit(page, image_results):
    text = page.read_text()
    rows = reading.read(image_results).summary
    assert len(rows) == 2
    for row in rows:
        for cell in row.cells.values():
            assert summary.mean_and_half(cell).replace("-", "−") in text
    heads = [
        attributes.get("data-score") for attributes, _ in Elements(text).named("th")
    ]
    assert [name for name in heads if name][:4] == ["loss", "reconstruction", "mig"] + [
        "kl_prior_aggregate"
    ]
    assert score_tables.unit("loss") == "nats"
    assert score_tables.unit("mig") == ""


def test_the_run_table_has_every_run_and_marks_those_that_diverged(page):
    runs = data_of(page)["runs"]
    assert runs["run"] == list(range(8))
    assert runs["setting"] == [0, 1] * 4
    assert runs["settings"] == ["β = 1", "β = 4"]
    assert [s for s in runs["status"] if s != "ok"] == ["diverged at step 3, kl first"]
    assert runs["status"][5] == "diverged at step 3, kl first"
    assert np.shape(runs["values"]) == (len(untrained.SCORES), 8)
    assert runs["scores"] == list(untrained.SCORES)
    assert runs["names"] == ["loss", "reconstruction", "MIG", "KL(p(z) ‖ q(z))"]


def test_the_runs_of_a_page_keep_every_digit_that_differences_are_taken_from():
    # Neighbouring float32 values around 2,692 differ by 2⁻¹².
    scores = np.float32(2692.25) + np.arange(3, dtype=np.float32) / 4096
    lines = {i: {"run": float(i), "loss": float(x)} for i, x in enumerate(scores)}
    row = reading.RunRow({}, {"loss": reading.Cell(3, 0, 1.0, 0.0, 2.0)})
    results = reading.Results({}, [row], lines, None, None)
    (values,) = score_tables.runs(results)["values"]
    assert np.array_equal(np.float32(values), scores)


def test_text_from_files_is_escaped(image_results, tmp_path):
    workdir = tmp_path / "hostile"
    shutil.copytree(image_results, workdir)
    config = json.loads((workdir / "config.json").read_text())
    config |= {"title": HOSTILE, "deviations": [HOSTILE]}
    (workdir / "config.json").write_text(json.dumps(config))
    env = json.loads((workdir / "env.json").read_text())
    env |= {"command": ["main.py", f"--config={HOSTILE}"], "revision": HOSTILE}
    (workdir / "env.json").write_text(json.dumps(env))
    for name in ("scores.csv", "summary.csv"):
        text = (
            (workdir / name).read_text().replace("isotropic", HOSTILE.replace('"', ""))
        )
        (workdir / name).write_text(text)
    path = tmp_path / "report.html"
    assert report.main([str(workdir), f"--out={path}"]) == 0
    elements = Elements(path.read_text())
    scripts = elements.named("script")
    assert len(scripts) == 2  # the data and the program
    assert all("src" not in attributes for attributes, _ in scripts)
    assert all(a["src"].startswith("data:") for a, _ in elements.named("img"))
    assert elements.named("h1") == [({}, HOSTILE)]


def test_json_in_a_page_reads_back_and_ends_no_element():
    value = {"</script>": ["<!--", "\u2028", 0.5, float("nan"), True]}
    text = markup.data("x", value)
    inside = re.fullmatch(
        r'<script type="application/json" id="x">(.*)</script>', text
    )[1]
    assert "<" not in inside
    assert json.loads(inside) == {"</script>": ["<!--", "\u2028", 0.5, None, True]}


@pytest.mark.parametrize(
    ("file", "module", "variant"),
    [
        ("shapes_anisotropic", shapes_anisotropic, "laptop"),
        ("pinwheel", pinwheel, ""),
        ("tc_ablation", tc_ablation, "laptop"),
        ("sparse", sparse, "laptop"),
    ],
)
def test_the_command_with_one_change_is_valid(file, module, variant):
    config, programs = settings.validate(module.get_config(variant))
    env = {
        "command": [
            "main.py",
            "--config",
            f"configs/{file}.py:{variant}",
            "--workdir=r",
        ]
    }
    results = reading.Results(
        config.to_dict(), None, None, settings.rows(programs), None
    )
    run, report_words = map(shlex.split, about.changed(env, results))
    assert run[:3] == ["python", "-m", "experiments.main"]
    (change,) = [a for a in run[3:] if a.startswith("--config.")]
    field, _, value = change.removeprefix("--config.").partition("=")
    section, name = field.split(".")
    assert float(value) not in config[section][name]
    words = [word for word in run[2:] if not word.startswith("--workdir=")]
    changed_config, _ = command_line.config_of(words)
    assert changed_config[section][name] == (float(value),)
    folder = run[-1].removeprefix("--workdir=")
    assert report_words[2:] == ["experiments.report", folder, f"--out={folder}.html"]


@pytest.mark.parametrize(
    ("values", "proposed"),
    [((1.0, 4.0, 2.0), "3"), ((0.0, 0.8), "0.4"), ((3.0, math.inf), "6")],
)
def test_the_proposed_value_is_between_those_that_were_swept(values, proposed):
    settings = [{"df": value} for value in values]
    results = reading.Results({"prior": {"df": [*values]}}, None, None, settings, None)
    assert f"--config.prior.df={proposed}" in about.changed({}, results)[0]


def test_the_question_is_that_of_the_config_file():
    env = {"command": ["main.py", "--config=configs/shapes_anisotropic.py:laptop"]}
    question, expected = about.question(env)
    assert question.startswith("Figure 1, left: does an anisotropic prior")
    assert expected.startswith("Both anisotropic priors score above the isotropic one")
    assert about.question({"command": ["main.py", "--config=../nowhere.py"]}) == (
        "",
        "",
    )


def test_the_report_of_a_folder_without_runs_names_the_lack(
    image_results, tmp_path, capsys
):
    for name in ("config.json", "env.json", "settings.json"):
        shutil.copy(image_results / name, tmp_path / name)
    assert report.main([str(tmp_path), f"--out={tmp_path}/report.html"]) == 0
    assert "no run has finished" in capsys.readouterr().out
    assert "No run has finished yet" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, "has no config.json"),
        ("config.json", "{}", "expected an object with a list of names 'figures'"),
        ("env.json", "[]", "expected an object"),
        ("figures/traversals.png", "not a picture", "traversals.png cannot be read"),
    ],
)
def test_a_bad_folder_is_refused_in_one_line(
    image_results, tmp_path, capsys, name, content, message
):
    workdir = tmp_path / "bad"
    shutil.copytree(image_results, workdir)
    (workdir / name).unlink()
    if content is not None:
        (workdir / name).write_text(content)
    assert report.main([str(workdir), f"--out={tmp_path}/report.html"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def test_a_sweep_that_tests_findings_shows_their_verdicts_and_effects():
    results = reading.read(load.FOLDER / "shapes")
    env = json.loads((load.FOLDER / "shapes" / "env.json").read_text())
    table = verdicts.table(results, env, "shapes")
    elements = Elements(f"<div>{table}</div>")
    findings = claims.of(load.of(results, "shapes", env))
    assert [text for _, text in elements.named("strong")] == [
        finding.verdict for finding in findings
    ]
    assert [text for _, text in elements.named("summary")] == [
        finding.measure for finding in findings
    ]
    first = findings[0].comparisons[0]
    assert effects.written(first) in str(table)
