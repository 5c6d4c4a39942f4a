import pathlib

import numpy as np

NOTEBOOKS = pathlib.Path(__file__).parents[2] / "experiments" / "notebooks"


def test_the_notebook_on_losses_runs_and_keeps_its_budgets():
    source = (NOTEBOOKS / "losses.py").read_text()
    assert "steps=1_000" in source
    names = {}
    exec(source.replace("steps=1_000", "steps=300"), names)
    values = names["values"]
    assert np.all(np.mean(values[:, -50:], axis=1) > np.mean(values[:, :50], axis=1))
    information = names["found"]["information"]
    # Held by a penalty: above the budget by little, whatever the training leaves below.
    assert np.all(information < names["budgets"] + 0.3)
