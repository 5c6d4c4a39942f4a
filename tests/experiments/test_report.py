import html.parser
import json
import re
import shlex
import shutil

import numpy as np
import pytest

from configs import pinwheel, shapes_anisotropic, sparse, tc_ablation
from experiments import cli, posteriors, settings, summary
from experiments.drawing import files
from experiments.report import __main__ as report
from experiments.report import about, explorer, markup, tables
from tests.experiments import untrained

HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='hacked()'>\"&"


def shapes_config():
    config = shapes_anisotropic.get_config("laptop,smoke")
    with config.unlocked():
        config.data.side = 8
        config.data.points = 64
        config.evaluate.points = 64
        config.model.hidden = (6,)
        config.model.latents = 3
        config.prior.name = ("isotropic",)
        config.seeds = 4
    return config


def plane_config():
    config = pinwheel.get_config("smoke")
    with config.unlocked():
        config.data.points = 60
        config.train.batch_size = 60
        config.model.hidden = (6,)
        config.objective.beta = (1.0, 0.0)
        config.objective.alpha = (0.0, 2.0)
    return config


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("report") / "shapes"
    return untrained.write(workdir, shapes_config(), diverged=(5,))


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    return untrained.write(tmp_path_factory.mktemp("report") / "plane", plane_config())


@pytest.fixture(scope="module")
def page(shapes, plane, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert report.main([str(shapes), str(plane), f"--out={path}"]) == 0
    return path


class Elements(html.parser.HTMLParser):
    """Every element with its attributes and text, without regard to nesting."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), []))

    def handle_data(self, data):
        if self.found:
            self.found[-1][2].append(data)

    def named(self, name):
        return [
            (attrs, "".join(text)) for tag, attrs, text in self.found if tag == name
        ]


def data_of(page, place=0):
    for attributes, text in Elements(page.read_text()).named("script"):
        if attributes.get("id") == f"folder-{place}-data":
            return json.loads(text)
    raise AssertionError("the page has no such data")


def test_equal_files_give_equal_bytes(page, shapes, plane, tmp_path):
    again = tmp_path / "again.html"
    report.main([str(shapes), str(plane), f"--out={again}"])
    assert again.read_bytes() == page.read_bytes()


def test_a_page_refers_to_nothing_outside_of_itself(page):
    elements = Elements(page.read_text())
    for name, attributes, _ in elements.found:
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


def test_the_table_of_means_has_every_setting_score_and_unit(page, shapes):
    text = page.read_text()
    rows = files.read(shapes).summary
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
    assert tables.unit("loss") == "nats"
    assert tables.unit("mig") == ""


def test_the_run_table_has_every_run_and_says_which_diverged(page):
    runs = data_of(page)["runs"]
    assert runs["run"] == list(range(8))
    assert runs["setting"] == [0, 1] * 4
    assert runs["settings"] == ["β = 1", "β = 4"]
    assert [s for s in runs["status"] if s != "ok"] == ["diverged at step 3"]
    assert runs["status"][5] == "diverged at step 3"
    assert np.shape(runs["values"]) == (len(untrained.SCORES), 8)


def test_the_explorer_shows_the_runs_of_extreme_and_median_score(page, shapes):
    shown = data_of(page)["explorer"]
    assert shown["score"] == "loss"  # no score of config.figure_score was computed
    tables_ = posteriors.finished(shapes).tables
    values, ok = tables_["scores/loss"], tables_["diverged"] < 0
    for setting in (0, 1):
        members = np.flatnonzero((tables_["setting"] == setting) & ok)
        order = members[np.argsort(values[members])]
        found = {r["role"]: r["run"] for r in shown["runs"] if r["setting"] == setting}
        assert found == {
            "lowest": order[0],
            "median": order[(len(order) - 1) // 2],
            "highest": order[-1],
        }


def test_histograms_and_information_are_those_of_the_run(page, shapes):
    shown = data_of(page)["explorer"]
    run = shown["runs"][0]
    q = posteriors.trained(shapes, run["run"]).q
    for latent, bars in enumerate(run["means"]):
        inside = np.mean(np.abs(np.asarray(q.loc[:, latent])) <= run["limit"])
        assert sum(bars) == pytest.approx(100 * inside, abs=2.5)  # of rounding
    assert np.allclose(run["sigma"], q.scale.mean(0), atol=1e-3)
    assert np.allclose(run["spread"], q.loc.std(0), atol=1e-3)
    assert np.shape(run["information"]) == (3, len(shown["factors"])) == (3, 5)
    assert sorted(run["order"]) == [0, 1, 2]
    assert np.shape(run["values"]) == (3, shown["steps"])


def test_the_plane_shows_where_every_z_of_a_lattice_leads(page, plane):
    shown = data_of(page, 1)["explorer"]
    run = shown["runs"][0]
    assert shown["side"] == 0
    assert {run["role"] for run in shown["runs"]} == {"lowest", "highest"}
    assert np.shape(run["decoded"]) == (shown["steps"] ** 2, 2)
    assert np.shape(run["codes"]) == np.shape(shown["data"]) == (60, 2)
    assert len(run["contours"]) == 2
    assert all(path.startswith("M") for path in run["contours"])


@pytest.mark.parametrize(
    ("room", "runs", "bases"), [(10**7, 6, 3), (22_000, 2, 1), (0, 1, 1)]
)
def test_less_room_shows_fewer_runs_and_base_images(shapes, room, runs, bases):
    found = explorer.build(posteriors.finished(shapes), "mig", room)
    assert (len(found["runs"]), found["bases"]) == (runs, bases)
    assert len(found["runs"][0]["sheets"]) == bases


def test_an_explorer_of_diverged_runs_alone_is_none(shapes):
    done = posteriors.finished(shapes)
    lost = done._replace(tables=done.tables | {"diverged": np.zeros(8, int)})
    assert explorer.build(lost, "mig", 10**6) is None


def test_what_files_say_is_shown_as_text(shapes, tmp_path):
    workdir = tmp_path / "hostile"
    shutil.copytree(shapes, workdir)
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


def test_json_in_a_page_reads_back_and_ends_nothing():
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
def test_the_command_with_a_change_is_a_valid_one(file, module, variant):
    config = settings.validate(module.get_config(variant))
    env = {
        "command": [
            "main.py",
            "--config",
            f"configs/{file}.py:{variant}",
            "--workdir=r",
        ]
    }
    results = files.Results(config.to_dict(), None, None, settings.rows(config), None)
    run, again = map(shlex.split, about.changed(env, results))
    assert run[:3] == ["python", "-m", "experiments.main"]
    cli.check(run[2:])
    (change,) = [a for a in run[3:] if a.startswith("--config.")]
    field, _, value = change.removeprefix("--config.").partition("=")
    section, name = field.split(".")
    assert float(value) not in config[section][name]
    config[section][name] = (value,)
    settings.validate(config)
    folder = run[-1].removeprefix("--workdir=")
    assert again[2:] == ["experiments.report", folder, f"--out={folder}.html"]


def test_the_question_is_that_of_the_config_file():
    env = {"command": ["main.py", "--config=configs/shapes_anisotropic.py:laptop"]}
    asked, expected = about.question(env)
    assert asked.startswith("Figure 1, left: does an anisotropic prior")
    assert expected.startswith("Both anisotropic priors score above the isotropic one")
    assert about.question({"command": ["main.py", "--config=../nowhere.py"]}) == (
        "",
        "",
    )


def test_a_folder_without_runs_is_reported_and_says_so(shapes, tmp_path, capsys):
    for name in ("config.json", "env.json", "settings.json"):
        shutil.copy(shapes / name, tmp_path / name)
    assert report.main([str(tmp_path), f"--out={tmp_path}/report.html"]) == 0
    assert "no run has finished" in capsys.readouterr().out
    assert "No run has finished yet" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, "has no config.json"),
        ("config.json", "{}", "expected an object with a list 'figures'"),
        ("env.json", "[]", "expected an object"),
        ("figures/traversals.png", "not a picture", "traversals.png cannot be read"),
    ],
)
def test_a_bad_folder_is_refused_in_one_line(
    shapes, tmp_path, capsys, name, content, message
):
    workdir = tmp_path / "bad"
    shutil.copytree(shapes, workdir)
    (workdir / name).unlink()
    if content is not None:
        (workdir / name).write_text(content)
    assert report.main([str(workdir), f"--out={tmp_path}/report.html"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "report.html").exists()
