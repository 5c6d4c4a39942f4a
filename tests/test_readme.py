import pathlib
import re

import numpy as np

README = pathlib.Path(__file__).parent.parent / "README.md"


def test_the_notebook_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names = {}
    exec(example, names)
    assert np.isfinite(names["loss"])


def test_every_path_in_the_readme_exists():
    paths = re.findall(
        r"(?:configs|experiments|decomp)/[\w/]+\.\w+", README.read_text()
    )
    assert paths
    for path in paths:
        assert (README.parent / path).exists(), path
