import csv
import json
import subprocess
import sys

import matplotlib.style
import numpy as np
import pytest

from experiments import figures
from experiments.plots import (
    aggregate_posterior,
    all_figures,
    pinwheel_scores,
    reconstruction_vs_score,
    style,
    traversals,
)
from experiments.results import reading

COLUMNS = ["prior", "beta", "alpha", "df"]
IMAGES = [
    {"prior": prior, "beta": beta, "alpha": 0.0, "df": ""}
    for prior in ("isotropic", "pca")
    for beta in (10.0, 1.0, 2.0, 4.0)
]
PINWHEEL = [
    {"prior": "mixture", "beta": beta, "alpha": alpha, "df": ""}
    for beta, alpha in ((0.01, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, 8.0))
]
SIDE, LATENTS, STEPS = 4, 3, 5


def write(workdir, config, settings, scores, pictures):
    """Writes a workdir; `scores[name][i]` is the mean of setting i over four runs."""
    workdir.mkdir()
    (workdir / "config.json").write_text(json.dumps(config))
    (workdir / "settings.json").write_text(json.dumps(settings))
    with (workdir / "summary.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow([*COLUMNS, "score", "n", "failed", "mean", "sd", "low", "high"])
        for name, means in scores.items():
            for setting, mean in zip(settings, means, strict=True):
                row = [name, 4, 1, mean, 0.01, mean - 0.02, mean + 0.02]
                table.writerow([*setting.values(), *row])
    with (workdir / "scores.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["run", "seed", *COLUMNS, "status", *scores])
        for i, setting in enumerate(settings):
            row = [means[i] for means in scores.values()]
            table.writerow([i, 0, *setting.values(), "ok", *row])
    np.savez(workdir / "pictures.npz", **pictures)
    return workdir


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    count = len(IMAGES)

    def picture(*shape):
        return rng.integers(0, 256, (count, *shape, SIDE, SIDE), dtype=np.uint8)

    config = {
        "title": "β-VAE",
        "figures": ["reconstruction_vs_score", "traversals", "reconstructions"],
        "figure_line": "prior",
        "figure_label": "beta",
        "figure_score": ["kim_mnih_pruned"],
    }
    scores = {
        "reconstruction": [90.0, 60.0, 65.0, 62.0, 91.0, 61.0, 66.0, 75.0],
        "kim_mnih_pruned": [0.45, 0.5, 0.49, 0.48, 0.5, 0.53, 0.54, 0.55],
    }
    pictures = {
        "traversals": picture(LATENTS, STEPS),
        "traversal_values": np.linspace(-2, 2, STEPS),
        "originals": picture(2),
        "reconstructions": picture(2),
        "active": np.tile([True, False, True], (count, 1)),
        "order": np.tile([2, 0, 1], (count, 1)),
    }
    return write(tmp_path / "images", config, IMAGES, scores, pictures)


@pytest.fixture
def pinwheel(tmp_path):
    axis = np.linspace(-2.0, 2.0, 21)
    square = axis[None] ** 2 + axis[:, None] ** 2
    prior = 1.326 * np.exp(-square / 0.5)
    config = {"figures": ["aggregate_posterior", "prior_density", "scores_by_setting"]}
    scores = {
        "kl_prior_aggregate": [0.9, 0.02, 0.4, 0.1],
        "mutual_information": [5.0, 2.0, 4.0, 3.5],
        "reconstruction": [-0.5, 0.3, -0.4, -0.3],
    }
    pictures = {
        "density_grid": axis,
        "density": np.stack([0.5 * prior, prior, prior, 3.0 * prior]),
        "density_run": np.arange(4),
        "prior_density": np.stack([prior] * 4),
        "points": np.random.default_rng(0).normal(size=(40, 2)),
    }
    return write(tmp_path / "pinwheel", config, PINWHEEL, scores, pictures)


def edit(workdir, **fields):
    path = workdir / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def draw(figure, workdir):
    with matplotlib.style.context(["default", style.RC]):
        return figure(reading.read(workdir))


def test_the_figures_of_images_have_a_page_for_each_prior(images, capsys):
    edit(images, figures=["reconstruction_vs_score", "reconstructions"])
    assert figures.main([str(images)]) == 0
    stems = ["reconstruction_vs_score"]
    stems += ["reconstructions_isotropic", "reconstructions_pca"]
    expected = [
        str(images / "figures" / f"{stem}.{kind}")
        for stem in stems
        for kind in ("png", "pdf")
    ]
    assert capsys.readouterr().out.split() == expected
    for path in expected:
        with open(path, "rb") as file:
            assert file.read(4) in (b"\x89PNG", b"%PDF")


def test_equal_files_give_equal_bytes(pinwheel):
    edit(pinwheel, figures=["prior_density"])
    first = [(path, path.read_bytes()) for path in all_figures.draw(pinwheel)]
    assert len(first) == 2
    assert first == [(path, path.read_bytes()) for path in all_figures.draw(pinwheel)]


def test_lines_join_the_points_in_the_order_of_their_labels(images):
    axes = draw(reconstruction_vs_score.reconstruction_vs_score, images)[
        "reconstruction_vs_score"
    ].axes
    isotropic, pca = axes[0].lines
    np.testing.assert_array_equal(isotropic.get_xdata(), [60, 65, 62, 90])
    np.testing.assert_array_equal(isotropic.get_ydata(), [0.5, 0.49, 0.48, 0.45])
    np.testing.assert_array_equal(pca.get_xdata(), [61, 66, 75, 91])
    assert [text.get_text() for text in axes[0].texts] == ["1", "2", "4", "10"] * 2


def test_the_band_contains_its_line_where_the_line_turns_back(images):
    axes = draw(reconstruction_vs_score.reconstruction_vs_score, images)[
        "reconstruction_vs_score"
    ].axes
    bands, line = axes[0].patches, axes[0].lines[0].get_xydata()
    middles = (line[:-1] + line[1:]) / 2
    assert len(bands) == 2
    assert bands[0].get_path().contains_points(middles).all()
    assert not bands[0].get_path().contains_points(middles + [0, 0.03]).any()


def test_settings_without_a_finished_run_are_left_out(images):
    path = images / "summary.csv"
    path.write_text(path.read_text().replace(",90.0,", ",nan,"))
    axes = draw(reconstruction_vs_score.reconstruction_vs_score, images)[
        "reconstruction_vs_score"
    ].axes
    assert len(axes[0].lines[0].get_xdata()) == 3


def test_one_colour_scale_covers_the_peak_of_the_prior_and_names_larger_maxima(
    pinwheel,
):
    figure = draw(aggregate_posterior.aggregate_posterior, pinwheel)[
        "aggregate_posterior"
    ]
    *panels, bar = figure.axes
    norms = [axes.images[0].norm for axes in panels]
    assert len(panels) == 4
    assert {(norm.vmin, norm.vmax) for norm in norms} == {(0.0, 1.1 * 1.326)}
    assert bar.get_ylabel() == "q(z)"
    assert bar.get_ylim() == (0.0, 1.1 * 1.326)
    words = [axes.texts[0].get_text() for axes in panels]
    assert words[3].startswith("KL(p‖q) 0.10, I(z;n) 3.50\nmax 3.98")
    assert [axes.get_title() for axes in panels[:2]] == ["β = 0.01", "β = 1"]
    assert [axes.get_title() for axes in panels[2:]] == ["α = 1", "α = 8"]


def test_scores_are_drawn_against_beta_and_alpha_and_wide_ranges_are_logarithmic(
    pinwheel,
):
    axes = draw(pinwheel_scores.scores_by_setting, pinwheel)["scores_by_setting"].axes
    assert [panel.get_yscale() for panel in axes] == ["log"] * 2 + ["linear"] * 4
    np.testing.assert_array_equal(
        axes[0].lines[0].get_xydata(), [[0.01, 0.9], [1, 0.02]]
    )
    np.testing.assert_array_equal(axes[1].lines[0].get_xydata(), [[1, 0.4], [8, 0.1]])
    assert axes[2].lines[-1].get_ydata()[0] == np.log(40)


def test_traversal_rows_follow_the_order_and_inactive_ones_fade(images):
    with np.load(images / "pictures.npz") as pictures:
        stored = pictures["traversals"][0].astype(float)
    axes = draw(traversals.traversals, images)["traversals_isotropic"].axes[0]
    picture = np.asarray(axes.images[0].get_array())
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["$z_{3}$", "$z_{1}$", "$z_{2}$"]
    np.testing.assert_array_equal(picture[:SIDE, :SIDE], stored[2, 0])
    assert np.ptp(picture[-SIDE:, :SIDE]) == pytest.approx(0.2 * np.ptp(stored[1, 0]))


def test_an_absent_input_skips_only_its_figures(images, caplog):
    (images / "pictures.npz").unlink()
    names = [path.name for path in all_figures.draw(images)]
    assert names == ["reconstruction_vs_score.png", "reconstruction_vs_score.pdf"]
    assert [record.getMessage() for record in caplog.records] == [
        "skipped traversals: there is no pictures.npz.",
        "skipped reconstructions: there is no pictures.npz.",
    ]


BROKEN = {
    "not JSON": (lambda d: (d / "config.json").write_text("{"), "config.json"),
    "no figures": (lambda d: (d / "config.json").write_text("{}"), "'figures'"),
    "unknown": (lambda d: edit(d, figures=["pie"]), "unknown figure 'pie'"),
    "column": (lambda d: edit(d, figure_line="colour"), "figure_line is 'colour'"),
    "cut": (lambda d: (d / "pictures.npz").write_bytes(b"PK\x03\x04"), "pictures.npz"),
    "text": (lambda d: (d / "pictures.npz").write_text("no"), "pictures.npz"),
    "header": (lambda d: (d / "summary.csv").write_text("a,b\n1,2\n"), "summary.csv"),
    "ragged": (lambda d: (d / "scores.csv").write_text("run,seed\n1\n"), "scores.csv"),
    "settings": (lambda d: (d / "settings.json").write_text("[1]"), "settings.json"),
    "inputs": (lambda d: (d / "inputs.json").write_text("[[Infinity]]"), "inputs.json"),
    "shape": (
        lambda d: np.savez(d / "pictures.npz", traversals=[1, 2]),
        "'traversals'",
    ),
    "no config": (lambda d: (d / "config.json").unlink(), "no config.json"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_input_is_one_line_and_exit_code_two(images, capsys, case):
    damage, message = BROKEN[case]
    edit(images, figures=["traversals"] if case == "shape" else ["reconstructions"])
    if case == "column":
        edit(images, figures=["reconstruction_vs_score"])
    damage(images)
    assert figures.main([str(images)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert message in output.err


def test_the_command_needs_neither_jax_nor_pyplot_and_names_a_missing_folder(tmp_path):
    code = (
        "import sys; from experiments import figures; "
        "assert not {'jax', 'flax', 'matplotlib.pyplot'} & {*sys.modules}; "
        f"sys.exit(figures.main([{str(tmp_path / 'absent')!r}]))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert process.returncode == 2
    path = tmp_path / "absent"
    assert process.stderr == f"experiments.figures: {path} is not a folder.\n"


def lose_settings(workdir, lost):
    """Changes the files as if every run of the settings `lost` had diverged."""
    path = workdir / "pictures.npz"
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    run = "density_run" if "density_run" in arrays else "picture_run"
    count = len(json.loads((workdir / "settings.json").read_text()))
    arrays.setdefault(run, np.arange(count))
    arrays[run][lost] = -1
    for name in set(arrays) & set(LOST_ARRAYS):
        blank = np.nan if arrays[name].dtype.kind == "f" else 0
        arrays[name][lost] = blank
    np.savez(path, **arrays)
    with (workdir / "summary.csv").open(newline="") as file:
        table = list(csv.reader(file))
    for i, row in enumerate(table[1:]):
        if i % count in lost:
            row[5:] = [0, 4, *["nan"] * 4]
    with (workdir / "summary.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)


LOST_ARRAYS = (
    *("traversals", "originals", "reconstructions", "active", "order", "density"),
    "prior_density",
)


@pytest.mark.parametrize("all_of_them", [False, True])
def test_settings_that_diverged_lose_their_own_pictures_only(images, all_of_them):
    lost = [*range(len(IMAGES))] if all_of_them else [1, 6]
    whole = draw(traversals.traversals, images)
    lose_settings(images, lost)
    for figure in (traversals.traversals, traversals.reconstructions):
        pages = [*draw(figure, images).values()]
        axes = [axes for page in pages for axes in page.axes]
        assert len(axes) == len(IMAGES)
        for i, panel in enumerate(axes):
            words = [text.get_text() for text in panel.texts]
            assert words == ([style.LOST] if i in lost else [])
            assert len(panel.images) == (i not in lost)
    remaining = draw(traversals.traversals, images)["traversals_isotropic"].axes
    for i in {0, 2, 3} - {*lost}:
        before = whole["traversals_isotropic"].axes[i].images[0].get_array()
        np.testing.assert_array_equal(remaining[i].images[0].get_array(), before)


@pytest.mark.parametrize("lost", [[1], [0, 1, 2, 3]])
def test_lost_densities_do_not_change_the_scale_of_the_others(pinwheel, lost):
    lose_settings(pinwheel, lost)
    figure = draw(aggregate_posterior.aggregate_posterior, pinwheel)[
        "aggregate_posterior"
    ]
    figure.draw_without_rendering()
    *panels, _ = figure.axes
    for i, axes in enumerate(panels):
        assert (axes.texts[0].get_text() == style.LOST) == (i in lost)
        top = 1.0 if len(lost) == 4 else 1.1 * 1.326
        assert axes.images[0].norm.vmax == pytest.approx(top)


@pytest.mark.parametrize("name", ["images", "pinwheel"])
@pytest.mark.parametrize(
    "all_of_them", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_every_figure_with_data_is_drawn_although_settings_diverged(
    name, all_of_them, request, caplog
):
    workdir = request.getfixturevalue(name)
    count = len(json.loads((workdir / "settings.json").read_text()))
    lose_settings(workdir, [*range(count)] if all_of_them else [0])
    names = json.loads((workdir / "config.json").read_text())["figures"]
    stems = {path.stem for path in all_figures.draw(workdir)}
    missing = [n for n in names if not any(stem.startswith(n) for stem in stems)]
    assert missing == (["prior_density"] if all_of_them and name == "pinwheel" else [])
    assert len(caplog.records) == len(missing)
