"""`import decomp.losses` loads only JAX, NumPy, chex and their dependencies."""

import json
import subprocess
import sys

HEAVY = ("flax", "optax", "orbax", "tensorflow_datasets", "matplotlib", "h5py")
HEAVY += ("scipy", "sklearn", "ml_collections", "tqdm", "tensorflow", "torch")


def loaded_packages(*modules):
    """Packages outside the standard library after the imports, in a fresh process."""
    code = (
        "import importlib, json, sys\n"
        "before = set(sys.modules)\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "tops = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(json.dumps(sorted(tops - set(sys.stdlib_module_names))))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(json.loads(process.stdout))


def test_importing_the_objectives_loads_jax_numpy_and_chex_and_nothing_heavy():
    packages = loaded_packages("decomp.losses")
    assert {"decomp", "jax", "numpy"} <= packages
    assert not packages & set(HEAVY)
    assert packages - loaded_packages("jax", "numpy", "chex") == {"decomp"}


def test_no_part_of_the_library_but_networks_and_files_loads_heavy_packages():
    packages = loaded_packages(
        *(
            "decomp.aggregate",
            "decomp.decomposition",
            "decomp.overlap",
            "decomp.priors",
        ),
        *("decomp.minibatch", "decomp.importance", "decomp.theory.theorem_1"),
        *("decomp.divergences.mmd", "decomp.metrics.mig", "decomp.metrics.sheet"),
    )
    assert not packages & set(HEAVY)


def test_names_and_texts_of_metrics_load_nothing_outside_the_standard_library():
    assert loaded_packages("decomp.metrics.definitions") == {"decomp"}
