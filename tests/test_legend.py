"""`help(decomp)` explains the letters and the names that the library uses."""

import collections
import pathlib
import re

import decomp

LIBRARY = pathlib.Path(decomp.__file__).parent
TEXTS = {
    path: path.read_text() for path in LIBRARY.rglob("*.py") if path.parent != LIBRARY
} | {path: path.read_text() for path in LIBRARY.glob("[!_]*.py")}
LEGEND = decomp.__doc__ or ""


def test_the_legend_has_the_letters_of_three_files_or_more_and_no_others():
    files = collections.Counter()
    for text in TEXTS.values():
        shapes = re.findall(r"(?:`|# )\[([^\]`]*)\]", text)
        files.update(set(re.findall(r"\b[A-Z]\b", " ".join(shapes))))
    letters = set(re.findall(r"(?:^    |  )([A-Z])  \w", LEGEND, re.MULTILINE))
    common = {letter for letter, count in files.items() if count > 2}
    assert common - letters == {"P", "T"}, files
    assert letters <= set(files), files


def test_the_names_of_densities_are_those_of_the_legend():
    names = set(re.findall(r"^    (log_\w+)", LEGEND, re.MULTILINE))
    words = set(re.findall(r"\blog_\w+", " ".join(TEXTS.values())))
    assert names <= words
    densities = {w for w in words if re.match(r"log_(prod_)?[pq][xz]", w)}
    stems = {re.sub(r"_(dims|groups)$", "", name) for name in densities}
    assert stems - names <= {"log_pz_k"}  # a component of a mixture


def test_every_module_that_the_legend_names_is_there():
    for name in re.findall(r"from (decomp[\w.]*) import (\w+)", LEGEND):
        path = LIBRARY.parent.joinpath(*".".join(name).split("."))
        assert path.with_suffix(".py").exists(), name
    assert (LIBRARY.parent / "decomp" / "EQUATIONS.md").exists()
