"""`import decomp.losses` loads only JAX, NumPy, chex and their dependencies."""

import json
import subprocess
import sys

HEAVY = ("flax", "optax", "orbax", "tensorflow_datasets", "matplotlib", "h5py")
HEAVY += ("scipy", "sklearn", "ml_collections", "tqdm", "tensorflow", "torch")


def loaded_packages(*groups):
    """Packages outside the standard library that each group of modules adds.

    The groups are imported one after another, in a fresh process.
    """
    code = (
        "import importlib, json, sys\n"
        f"for group in {groups!r}:\n"
        "    before = set(sys.modules)\n"
        "    for name in group: importlib.import_module(name)\n"
        "    tops = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "    print(json.dumps(sorted(tops - set(sys.stdlib_module_names))))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return [set(json.loads(line)) for line in process.stdout.splitlines()]


LIGHT = ("decomp.aggregate", "decomp.decomposition", "decomp.overlap", "decomp.priors")
LIGHT += ("decomp.minibatch", "decomp.importance", "decomp.theory.theorem_1")
LIGHT += ("decomp.divergences.mmd", "decomp.metrics.mig", "decomp.metrics.sheet")


def test_only_networks_and_files_load_more_than_jax_numpy_and_chex():
    core, objectives, others = loaded_packages(
        ("jax", "numpy", "chex"), ("decomp.losses",), LIGHT
    )
    assert {"jax", "numpy"} <= core
    assert "decomp" in objectives
    for packages in (core, objectives, others):
        assert not packages & set(HEAVY)
    assert {name for name in objectives if name not in core} == {"decomp"}


def test_names_and_texts_of_metrics_load_nothing_outside_the_standard_library():
    assert loaded_packages(("decomp.metrics.definitions",)) == [{"decomp"}]
