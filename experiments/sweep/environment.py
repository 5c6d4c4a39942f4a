"""What a result depends on besides its config."""

import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys
from typing import Any

import jax


def describe() -> dict[str, Any]:
    """Command, machine, versions and revision."""
    names = ("jax", "jaxlib", "flax", "optax", "chex", "numpy")
    return {
        "command": [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]],
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "devices": [device.device_kind for device in jax.devices()],
        "packages": {"decomp": _version("decomp-vae")}
        | {name: _version(name) for name in names},
        "revision": _revision(),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _revision() -> str:
    """The git revision, with a mark if the tree has changes; empty outside a clone."""
    here = pathlib.Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
