import csv

import numpy as np
import pytest

from configs import shapes_anisotropic
from experiments import main, variants
from experiments.config import settings


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """Two priors, two seeds, four steps."""
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
    found = rows(tmp_path / "variants.csv")
    names = {(row["metric"], row["variant"]) for row in found}
    assert {("mig", "locatello"), ("sap", "r_squared"), ("udr", "lasso")} <= names
    assert len(found) == 4 * len(names)
    assert {row["run"] for row in found} == {"0", "1", "2", "3"}
    assert set(settings.COLUMNS) <= set(found[0])
    assert all(np.isfinite(float(row["value"])) for row in found)
    assert (tmp_path / "figures" / "variants.png").stat().st_size > 0
    drawn = (tmp_path / "figures" / "variants.png").read_bytes()
    table = (tmp_path / "variants.md").read_bytes()
    (tmp_path / "variants.md").unlink()
    assert variants.main([str(tmp_path), "--redraw"]) == 0
    assert (tmp_path / "variants.md").read_bytes() == table
    assert (tmp_path / "figures" / "variants.png").read_bytes() == drawn
    printed = capsys.readouterr().out
    assert "mig locatello" in printed
    assert "scoring 4 runs at 200 points" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "is not a workdir"),
        (["WORKDIR", "--metrics=gap"], "unknown metric 'gap'; choices"),
    ],
)
def test_what_cannot_be_scored_is_said_in_one_line(
    image_results, arguments, message, capsys
):
    arguments = [str(image_results) if a == "WORKDIR" else a for a in arguments]
    assert variants.main([*arguments, "--points=100"]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
