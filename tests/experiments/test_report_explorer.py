import numpy as np
import pytest

from experiments.report import explorer
from experiments.sweep import trained


def test_the_explorer_shows_the_runs_of_extreme_and_median_score(image_results):
    finished = trained.finished(image_results)
    page = explorer.build(finished, "loss", 10**7)
    tables = finished.tables
    values, ok = tables["scores/loss"], tables["diverged"] < 0
    for setting in (0, 1):
        members = np.flatnonzero((tables["setting"] == setting) & ok)
        order = members[np.argsort(values[members])]
        runs = {r["role"]: r["run"] for r in page["runs"] if r["setting"] == setting}
        assert runs == {
            "lowest": order[0],
            "median": order[(len(order) - 1) // 2],
            "highest": order[-1],
        }


def test_histograms_and_information_are_those_of_the_run(image_results):
    page = explorer.build(trained.finished(image_results), "mig", 10**7)
    run = page["runs"][0]
    q = trained.trained(image_results, run["run"]).q
    for latent, bars in enumerate(run["means"]):
        inside = np.mean(np.abs(np.asarray(q.loc[:, latent])) <= run["limit"])
        assert sum(bars) == pytest.approx(100 * inside, abs=2.5)  # rounding
    assert np.allclose(run["sigma"], q.scale.mean(0), atol=1e-3)
    assert np.allclose(run["spread"], q.loc.std(0), atol=1e-3)
    assert np.shape(run["information"]) == (3, len(page["factors"])) == (3, 5)
    assert sorted(run["order"]) == [0, 1, 2]
    assert np.shape(run["values"]) == (3, page["steps"])


@pytest.mark.slow
def test_the_plane_shows_the_decoded_points_of_a_lattice_of_z(plane_results):
    page = explorer.build(trained.finished(plane_results), "mig", 10**7)
    run = page["runs"][0]
    assert page["size"] == []
    assert {run["role"] for run in page["runs"]} == {"lowest", "highest", "only"}
    assert np.shape(run["decoded"]) == (page["steps"] ** 2, 2)
    assert np.shape(run["codes"]) == np.shape(page["data"]) == (60, 2)
    assert len(run["contours"]) == 2
    assert all(path.startswith("M") for path in run["contours"])


@pytest.mark.parametrize(
    ("room", "runs", "bases"), [(10**7, 6, 3), (22_000, 2, 1), (0, 1, 1)]
)
def test_less_room_leaves_fewer_runs_and_base_images(image_results, room, runs, bases):
    page = explorer.build(trained.finished(image_results), "mig", room)
    assert (len(page["runs"]), page["bases"]) == (runs, bases)
    assert len(page["runs"][0]["sheets"]) == bases


def test_an_explorer_of_diverged_runs_alone_is_none(image_results):
    finished = trained.finished(image_results)
    lost = finished._replace(tables=finished.tables | {"diverged": np.zeros(8, int)})
    assert explorer.build(lost, "mig", 10**6) is None
