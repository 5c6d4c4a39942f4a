import json
import subprocess
import sys

HEAVY = ("flax", "optax", "orbax", "tensorflow_datasets", "matplotlib", "h5py")


def test_importing_the_objectives_loads_nothing_heavy():
    code = (
        "import json, sys\n"
        "import decomp.losses\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout)
    assert "jax" in loaded
    assert not set(loaded) & set(HEAVY)
