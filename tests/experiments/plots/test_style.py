from experiments.plots import style
from experiments.results.reading import Cell, RunRow


def test_infinity_is_written_as_its_sign_and_comes_last():
    values = [float("inf"), 100.0, 3.0]
    numbers = [style.number(value) for value in sorted(values, key=style.rank)]
    assert numbers == ["3", "100", "∞"]


def test_a_prior_has_one_colour_in_all_figures():
    looks = style.series(["isotropic", "pca", "student_t"])
    assert style.series(["student_t"])["student_t"] == looks["student_t"]
    assert len({look["color"] for look in looks.values()}) == 3


def test_the_note_counts_runs_and_those_left_out():
    rows = [
        RunRow({"beta": 1.0}, {"kl": Cell(100, 0, 2.0, 1.9, 2.1)}),
        RunRow({"beta": 4.0}, {"kl": Cell(97, 3, 1.0, 0.9, 1.1)}),
    ]
    note = style.runs(rows, ["kl"])
    assert note.startswith("n = 97–100 runs per point (3 diverged, left out); ")


def test_settings_are_described_by_the_columns_asked_for():
    setting = {"prior": "student_t", "beta": 1.0, "df": float("inf"), "alpha": None}
    assert style.describe(setting, ["prior", "df", "alpha"]) == "Student-t, ν = ∞"


def test_the_axis_of_a_score_names_the_example_that_its_unit_counts():
    assert style.score("reconstruction", per="point").endswith("(nats per point)")
    assert style.score("kl", per="point") == style.score("kl", per="image")


def test_a_name_with_a_point_keeps_the_part_after_it(tmp_path):
    paths = style.save(style.new(2, 2), tmp_path / "traversals_0.8")
    assert [path.name for path in paths] == ["traversals_0.8.png", "traversals_0.8.pdf"]
    assert all(path.exists() for path in paths)
