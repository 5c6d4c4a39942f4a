import ast
import builtins
import importlib
import inspect
import json
import os
import pathlib
import re
import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from experiments.benchmarks import machine

ROOT = pathlib.Path(__file__).parents[2]
NOTEBOOKS = ROOT / "experiments" / "notebooks"
NAMES = [path.stem for path in sorted(NOTEBOOKS.glob("[!_]*.py"))]
KINDS = {"stream", "display_data", "execute_result"}


def cells_of_source(name):
    """Kind and text of each cell of the Python file, without the header."""
    text = (NOTEBOOKS / f"{name}.py").read_text()
    for part in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        head, _, body = part.partition("\n")
        if "[markdown]" in head:
            lines = [
                line.removeprefix("#").removeprefix(" ") for line in body.split("\n")
            ]
            yield "markdown", "\n".join(lines).strip()
        else:
            yield "code", body.strip()


def notebook(name):
    return json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())


def outputs(name):
    return [out for cell in notebook(name)["cells"] for out in cell.get("outputs", [])]


# Runs cells as a notebook does, and prints what it would show as HTML.
PRINTS = """
import ast, json, sys
import matplotlib
matplotlib.use("Agg")
names = {"__name__": "__main__"}
for cell in json.load(sys.stdin):
    *body, last = ast.parse(cell).body
    value = None
    if isinstance(last, ast.Expr):
        exec(compile(ast.Module(body, []), "cell", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    else:
        exec(compile(cell, "cell", "exec"), names)
    print(value._repr_html_() if hasattr(value, "_repr_html_") else "", end="")
"""


def printed(name):
    """What the cells print now, in a process without the options of the tests."""
    cells = [text for kind, text in cells_of_source(name) if kind == "code"]
    own = ("JAX", "XLA", "PYTEST", "MPL")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(own)}
    done = subprocess.run(
        [sys.executable, "-c", PRINTS],
        input=json.dumps(cells),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
    )
    assert not done.returncode, done.stderr
    return done.stdout


def stored(name):
    """What the notebook shows as text, as `printed` gives it."""
    texts = [
        out.get("text") or out.get("data", {}).get("text/html", [])
        for out in outputs(name)
    ]
    return "".join("".join(text) for text in texts)


def parts(text):
    """The words of a text, and its numbers with the unit of their last digits."""
    number = r"-?\d+(?:\.\d+)?"
    numbers = re.findall(number, text)
    units = [10.0 ** -len(n.partition(".")[2]) for n in numbers]
    words = re.sub(rf"[+-]?{number}|\s+", " ", text).split()
    return words, np.array(numbers, float), np.array(units)


def resolved(node, names):
    """The object that a name or a dotted name stands for; None if it has no value."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = resolved(node.value, names)
        return None if owner is None else getattr(owner, node.attr)
    return None


def run(name, **changes):
    """Runs the Python file with replaced parts of its text; returns its names."""
    source = (NOTEBOOKS / f"{name}.py").read_text()
    for old, new in changes.values():
        assert old in source
        source = source.replace(old, new)
    names = {}
    backend = matplotlib.get_backend()
    matplotlib.use("Agg")
    try:
        exec(source, names)
    finally:
        plt.close("all")
        matplotlib.use(backend)
    return names


def test_the_notebooks_are_these_four():
    assert NAMES == [
        "compose_an_objective",
        "from_a_sweep_to_a_finding",
        "read_the_aggregate_posterior",
        "score_your_own_representation",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_is_its_source_run_from_top_to_bottom(name):
    cells = notebook(name)["cells"]
    notebook_cells = [
        (cell["cell_type"], "".join(cell["source"]).strip()) for cell in cells
    ]
    assert notebook_cells == list(cells_of_source(name)), "make notebooks"
    counts = [c["execution_count"] for c in cells if c["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_the_outputs_are_text_and_small_pictures_and_no_errors(name):
    kinds = {out["output_type"] for out in outputs(name)}
    assert {"stream", "display_data"} <= kinds <= KINDS
    assert not [out for out in outputs(name) if out.get("name") == "stderr"]
    assert any("image/png" in out.get("data", {}) for out in outputs(name))
    assert (NOTEBOOKS / f"{name}.ipynb").stat().st_size < 300_000


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_the_text_is_in_the_code_or_in_an_output(name):
    words, sources = "", ""
    for cell in notebook(name)["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            words += text
        else:
            sources += text
    for out in outputs(name):
        sources += "".join(out.get("text", []))
        sources += "".join(out.get("data", {}).get("text/html", []))
    for number in re.findall(r"\d+\.\d+", words):
        assert number in sources, number


def imported(tree):
    """The modules and functions that a source imports, by name."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = importlib.import_module(alias.name)
                names[alias.asname or alias.name] = module
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
                names[alias.asname or alias.name] = getattr(module, alias.name)
    return names


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_compiles_and_calls_what_exists(name):
    cells = [text for kind, text in cells_of_source(name) if kind == "code"]
    for cell in cells:
        compile(cell, name, "exec")
    nodes = list(ast.walk(ast.parse("\n".join(cells))))
    names = imported(ast.parse("\n".join(cells)))
    own = {n.id for n in nodes if isinstance(n, ast.Name) and type(n.ctx) is ast.Store}
    own |= {n.name for n in nodes if isinstance(n, ast.FunctionDef)}
    own |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    assert not own & set(names), "a variable hides what is imported"
    for node in nodes:
        if isinstance(node, ast.Name):
            assert node.id in own | set(names) | set(dir(builtins)), node.id
        if isinstance(node, ast.Attribute):
            resolved(node, names)  # an AttributeError names what is missing
        if not isinstance(node, ast.Call):
            continue
        function = resolved(node.func, names)
        starred = any(isinstance(argument, ast.Starred) for argument in node.args)
        starred |= any(keyword.arg is None for keyword in node.keywords)
        ours = str(getattr(function, "__module__", "")).startswith(("decomp", "exper"))
        if ours and not starred:
            keywords = {keyword.arg: None for keyword in node.keywords}
            inspect.signature(function).bind(*node.args, **keywords)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_prints_now_what_it_stores(name):
    words, numbers, _ = parts(printed(name))
    stored_words, stored_numbers, units = parts(stored(name))
    assert words == stored_words, "make notebooks"
    assert numbers.shape == stored_numbers.shape
    # Training amplifies rounding, which differs with the vectors of a processor.
    if notebook(name)["metadata"]["vector_extensions"] != machine.extensions():
        return
    # The last digit may be rounded otherwise.
    assert np.all(np.abs(numbers - stored_numbers) < 1.01 * units), "make notebooks"


@pytest.mark.slow  # it trains, and the tests compile with few optimisations
def test_a_composed_objective_rises_and_keeps_its_budgets():
    names = run("compose_an_objective", steps=("steps=1_000", "steps=200"))
    vaes = names["vaes"]
    assert np.all(vaes.diverged == -1)
    losses = vaes.curves["loss"]
    assert np.all(losses[:, -10:].mean(axis=1) < losses[:, :10].mean(axis=1))
    # A penalty may leave the nats slightly above the budget, or anywhere below.
    assert np.all(names["nats"] < vaes.weights["budget"] + 0.3)


@pytest.mark.slow
def test_representations_have_the_scores_known_for_them():
    names = run(
        "score_your_own_representation",
        forest=(', "dci disentanglement, tripod"]', "]"),
    )
    aligned, turned, missing = (sheet.values for sheet in names["sheets"])
    mig, votes = "mig, locatello", "kim_mnih, enumerated"
    lasso = "dci disentanglement, eastwood"
    assert aligned == pytest.approx({mig: 1, votes: 1, lasso: 1}, abs=1e-3)
    assert turned[mig] < 0.5
    assert missing[mig] == pytest.approx(2 / 3, abs=1e-6)
    assert missing[votes] == pytest.approx(2 / 3, abs=1e-6)
    assert missing[lasso] == pytest.approx(1, abs=1e-3)
    diverged, neighbour = (sheet.values[mig] for sheet in names["together"])
    assert np.isnan(diverged)
    assert neighbour == pytest.approx(1, abs=1e-6)


@pytest.mark.slow  # a sweep in its own process
def test_a_sweep_leads_to_paired_differences_and_a_network():
    names = run(
        "from_a_sweep_to_a_finding",
        seeds=("--config.seeds=10", "--config.seeds=3"),
        steps=("steps=1000", "steps=4"),
        points=("points=4096", "points=256"),
    )
    sweep, comparisons = names["sweep"], names["differences"]
    # Runs are numbered seed by seed, with β = 1 first.
    first = sweep.scores["mig"][1] - sweep.scores["mig"][0]
    assert comparisons["mig"][0][0] == pytest.approx(first, abs=1e-7)
    gaps, mean, half = comparisons["neighbours"]
    assert len(gaps) == 3
    # The quantile of Student's t with two degrees of freedom at 1 − 0.025/5.
    spread = np.std(gaps, ddof=1) / np.sqrt(3)
    assert half == pytest.approx(9.9248 * spread, rel=1e-4)
    x = names["images"](names["classes"][:3])
    np.testing.assert_array_equal(names["again"].codes(x), names["vae"].codes(x))


@pytest.mark.slow
def test_the_aggregate_posterior_has_the_known_decomposition():
    names = run(
        "read_the_aggregate_posterior",
        fewer=("(3), 300", "(3), 40"),
        steps=('steps": 2_000', 'steps": 20'),
    )
    few, _, same = (names["parts"](q) for q in names["sets"].values())
    assert few.mutual_information.value == pytest.approx(np.log(400), abs=0.01)
    assert abs(same.mutual_information.value) < 1e-4
    biases = {
        name: names["table"][0][name] - names["exact"][0] for name in names["table"][0]
    }
    assert biases["batch_mean"] == pytest.approx(-np.log(400 / 32), abs=0.2)
    assert abs(biases["symmetrised"]) < 0.2
