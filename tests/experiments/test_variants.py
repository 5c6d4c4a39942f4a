import csv

import numpy as np
import pytest

from configs import shapes_anisotropic
from experiments import main, variants
from experiments.config import settings
from experiments.sweep import trained


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A trained sweep of two priors and two seeds."""
    folder = tmp_path_factory.mktemp("shapes")
    config = shapes_anisotropic.get_config("laptop,smoke")
    with config.unlocked():
        config.prior.name = ("isotropic", "pca")
        config.objective.beta = (1.0,)
        config.model.latents = 4
        config.evaluate.metrics = ("mig",)
        config.figures = ()
    main.run(*settings.validate(config), folder)
    return folder


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_every_variant_of_every_run_is_written_and_drawn(workdir, tmp_path, capsys):
    arguments = ["--metrics=mig,sap", "--points=200", f"--out={tmp_path}"]
    assert variants.main([str(workdir), *arguments]) == 0
    table_rows = rows(tmp_path / "variants.csv")
    names = {(row["metric"], row["variant"]) for row in table_rows}
    assert {("mig", "locatello"), ("sap", "r_squared"), ("udr", "lasso")} <= names
    assert len(table_rows) == 4 * len(names)
    assert {row["run"] for row in table_rows} == {"0", "1", "2", "3"}
    assert set(settings.COLUMNS) <= set(table_rows[0])
    assert all(np.isfinite(float(row["value"])) for row in table_rows)
    assert (tmp_path / "figures" / "variants.png").stat().st_size > 0
    image = (tmp_path / "figures" / "variants.png").read_bytes()
    table = (tmp_path / "variants.md").read_bytes()
    (tmp_path / "variants.md").unlink()
    assert variants.main([str(tmp_path), "--redraw"]) == 0
    assert (tmp_path / "variants.md").read_bytes() == table
    assert (tmp_path / "figures" / "variants.png").read_bytes() == image
    output = capsys.readouterr().out
    assert "mig locatello" in output
    assert "scoring 4 runs at 200 points" in output


def test_runs_are_counted_as_they_are_encoded(image_results):
    calls = []
    runs = trained.runs(
        image_results,
        per_setting=1,
        points=50,
        report=lambda *call: calls.append(call),
    )
    count = len(runs.number)
    assert calls == [("runs encoded", i, count) for i in range(1, count + 1)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "is not a workdir"),
        (["WORKDIR", "--metrics=gap"], "unknown metric 'gap'; choices"),
    ],
)
def test_a_bad_command_line_is_refused_in_one_line(
    image_results, arguments, message, capsys
):
    arguments = [str(image_results) if a == "WORKDIR" else a for a in arguments]
    assert variants.main([*arguments, "--points=100"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
