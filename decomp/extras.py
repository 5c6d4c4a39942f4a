"""Optional packages, each of which one extra of the distribution installs.

The core of `decomp` needs JAX, NumPy, chex and optax. A function that needs another
package calls `require` before it imports that package, so that the error says which
command installs it.
"""

import importlib.util

EXTRAS = {
    "flax": "networks",
    "sklearn": "metrics",
    "matplotlib": "experiments",
    "h5py": "datasets",
    "PIL": "datasets",
    "tensorflow_datasets": "datasets",
    "tensorboardX": "tensorboard",
}


def require(package: str) -> None:
    """Checks that a package of `EXTRAS` is installed, without importing it.

    Args:
        package: The name under which it is imported, such as "sklearn".

    Raises:
        ModuleNotFoundError: One line with the command that installs the package.

    >>> require("flax")
    """
    if importlib.util.find_spec(package) is None:
        extra = EXTRAS[package]
        raise ModuleNotFoundError(
            f"{package} is not installed; it belongs to the extra '{extra}': "
            f"pip install 'decomp-vae[{extra}]'",
            name=package,
        )
