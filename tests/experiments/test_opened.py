"""`results.open`: what it needs, and what it says of a folder that it cannot use."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import decomp
from experiments import results

# What an opened sweep does without: data sets, training, figures, checkpoints.
UNUSED = ("h5py", "matplotlib", "orbax", "sklearn", "tensorflow", "tensorflow_datasets")
OPENS = """
import sys
import jax, numpy as np
from decomp import training
from experiments.data import loaders

programs, files = [], []
def compiled(event, seconds, **named):
    if event.endswith("backend_compile_duration"):
        programs.append(named.get("fun_name", ""))
def audit(event, arguments):
    if event == "open":
        files.append(str(arguments[0]))
def never(*arguments, **named):
    raise AssertionError("opening a sweep must not load data or prepare a training")

jax.monitoring.register_event_duration_secs_listener(compiled)
sys.addaudithook(audit)
loaders.load = training.make = never

from experiments import results

workdir, unused = sys.argv[1], sys.argv[2:]
sweep = results.open(workdir)
assert not programs, programs
vae = sweep[sweep.best("mig")]
assert not [name for name in programs if "on_device" in name or "advance" in name]
data = (".npz", ".npy", ".h5", ".hdf5", ".mat", ".gz", ".tfrecord", ".png", ".jpg")
read = [file for file in files if file.endswith(data)]
assert read and all(file.startswith(workdir) for file in read), read
assert not [name for name in unused if name in sys.modules]
assert vae.encode(np.zeros((2, 8, 8, 1))).loc.shape == (2, 3)
"""


def test_a_sweep_opens_without_data_and_without_a_program_for_training(image_results):
    command = [sys.executable, "-c", OPENS, str(image_results), *UNUSED]
    subprocess.run(command, check=True)


def truncate_block(workdir):
    path = workdir / "blocks" / "000000.npz"
    path.write_bytes(path.read_bytes()[:500])


def change_config(workdir, section, field, value):
    path = workdir / "config.json"
    config = json.loads(path.read_text())
    config[section][field] = value
    path.write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shutil.rmtree, "is not a workdir: it has no config.json"),
        (lambda w: shutil.rmtree(w / "blocks"), "no run has finished"),
        (truncate_block, "blocks: expected an intact file"),
        (
            lambda w: change_config(w, "model", "depth", 3),
            r"config of this version, 0.*; got: there is no field model.depth",
        ),
        (
            lambda w: change_config(w, "objective", "beta", [1.0]),
            "must have the settings of config.json, 0 to 0; got a run of setting 1",
        ),
        (
            lambda w: change_config(w, "model", "hidden", [5]),
            "000000.npz: its parameters do not fit the networks of config.json",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_one_line(
    image_results, tmp_path, change, message
):
    workdir = shutil.copytree(image_results, tmp_path / "changed")
    change(workdir)
    with pytest.raises(ValueError, match=message) as error:
        results.open(workdir)[0]
    assert "\n" not in str(error.value)


def test_the_best_run_is_of_a_column_of_numbers(image_results):
    with pytest.raises(ValueError, match="a column of numbers; prior has isotropic"):
        results.open(image_results).best("prior")


def test_a_run_is_saved_to_a_file_of_its_own(image_results, tmp_path):
    sweep = results.open(image_results)
    images = np.random.default_rng(0).uniform(size=(3, 8, 8, 1))
    vae = sweep[sweep.best("mig", beta=4)]
    vae.save(tmp_path / "run.npz")
    loaded = decomp.load(tmp_path / "run.npz")
    np.testing.assert_array_equal(loaded.codes(images), vae.codes(images))
    np.testing.assert_array_equal(loaded.reconstruct(images), vae.reconstruct(images))
    assert loaded.weights["beta"] == 4
