import ast
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
FOLDERS = ("decomp", "experiments", "configs", "tests")

# From the ground up; what stands on one line may not import each other. Files of the
# packages below a `.*` may.
FLOORS = [
    {"decomp.numerics", "decomp.extras"},
    {"decomp.estimate"},
    {"decomp.distributions.*"},
    {"decomp.aggregate", "decomp.divergences.*", "decomp.priors", "decomp.minibatch"}
    | {"decomp.metrics.*", "decomp.networks.*", "decomp.datasets.*"},
    {"decomp.decomposition", "decomp.overlap"},
    {"decomp.losses", "decomp.importance", "decomp.theory.*"},
    {"experiments.system.signals", "experiments.system.paths"},
    {
        "experiments.models.objectives",
        "experiments.models.schedules",
        "experiments.results.columns",
    }
    | {
        "experiments.system.parallel",
        "experiments.system.devices",
        "experiments.system.commands",
    }
    | {"experiments.sweep.environment", "experiments.system.terminal"}
    | {
        "experiments.config.kinds",
        "experiments.data.catalogue",
        "experiments.system.atomic_files",
    }
    | {"configs.base"},
    {"experiments.data.factor_grid"},
    {
        "experiments.config.checks",
        "experiments.config.fields",
        "experiments.config.sizes",
    }
    | {"experiments.system.lock"},
    {"experiments.config.settings", "experiments.results.summary"}
    | {"experiments.training.corollary_2_start", "experiments.sweep.storage"}
    | {
        "experiments.training.optimisers",
        "experiments.drawing.*",
        "experiments.models.networks",
    }
    | {"experiments.evaluation.metrics"},
    {
        "experiments.data.arrays",
        "experiments.results.run_tables",
        "experiments.sweep.checkpoint",
    }
    | {"experiments.sweep.workdirs", "experiments.sweep.events"}
    | {"experiments.models.priors"},
    {"experiments.data.rendered"},
    {
        "experiments.models.vae",
        "experiments.models.divergences",
        "experiments.data.loaders",
    },
    {"experiments.training.loss"},
    {"experiments.training.one_run", "experiments.evaluation.evaluate"},
    {"experiments.sweep.layout"},
    {
        "experiments.sweep.figure_arrays",
        "experiments.sweep.loop",
        "experiments.sweep.trained",
    },
    {"experiments.config.command_line", "experiments.figures", "experiments.score"}
    | {"experiments.bias", "experiments.variants", "experiments.watch"}
    | {"experiments.notebooks.*"}
    | {"experiments.benchmarks"},
    {"experiments.findings", "experiments.findings.*"},
    {"experiments.sweep.panels"},
    {"experiments.sweep.tensorboard"},
    {"experiments.main", "experiments.benchmarks.*", "experiments.report.*"}
    | {"experiments.faults"},
    {"experiments.faults.*"},
]
OURS = ("decomp", "experiments", "configs")
LIBRARY = {"jax", "numpy", "chex"}
# What else a part of the library may import at the top of a file.
MORE = {"decomp.networks": {"flax"}, "decomp.datasets": {"h5py"}}


def modules(folder):
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield name.removesuffix(".__init__"), ast.parse(path.read_text())


def imports(tree, *, inside_functions=True):
    """The modules that a file imports, as dotted names."""
    nodes = ast.walk(tree) if inside_functions else tree.body
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                path = ROOT.joinpath(*name.split("."))
                is_module = path.with_suffix(".py").exists() or path.is_dir()
                yield name if is_module else node.module


def floor(module):
    package = f"{module.rpartition('.')[0]}.*"
    found = [i for i, names in enumerate(FLOORS) if names & {module, package}]
    return found[0] if found else None


ALL = [item for folder in OURS for item in modules(folder)]


@pytest.mark.parametrize(("module", "tree"), ALL, ids=[module for module, _ in ALL])
def test_a_file_imports_from_lower_floors_only(module, tree):
    own = floor(module)
    for name in imports(tree):
        if name.split(".")[0] not in OURS or own is None:
            continue
        same_package = name.rpartition(".")[0] == module.rpartition(".")[0]
        sideways = same_package and module.count(".") > 1
        below = floor(name)
        assert below is not None, f"{module} imports {name}, which has no floor"
        assert below < own or (sideways and below == own), f"{module} imports {name}"


def test_every_file_has_a_floor():
    above = {"decomp", "experiments", "experiments.drawing"}
    homeless = {
        module
        for module, _ in ALL
        if floor(module) is None and not module.startswith("configs")
    }
    packages = {"decomp.distributions", "decomp.divergences", "decomp.metrics"}
    assert homeless == above | packages | {
        "experiments.report",
        "decomp.datasets",
        "decomp.networks",
        "decomp.theory",
    }


def test_the_library_imports_jax_numpy_and_chex():
    standard = sys.stdlib_module_names
    for module, tree in modules("decomp"):
        allowed = LIBRARY | {"decomp"} | MORE.get(module.rpartition(".")[0], set())
        for name in imports(tree, inside_functions=False):
            top = name.split(".")[0]
            assert top in allowed or top in standard, f"{module} imports {name}"


def test_the_library_knows_neither_experiments_nor_configs():
    for module, tree in modules("decomp"):
        tops = {name.split(".")[0] for name in imports(tree)}
        assert not tops & {"experiments", "configs", "ml_collections"}, module


def test_drawing_reads_and_writes_files_and_nothing_else():
    no_more = {
        "decomp.datasets.npz",
        "experiments.results.columns",
        "experiments.system.atomic_files",
    }
    no_more |= {
        "experiments.system.commands",
        "experiments.system.paths",
        "experiments.system.signals",
    }
    allowed = {"numpy", "matplotlib", *sys.stdlib_module_names}
    drawn = ("experiments.drawing", "experiments.figures")
    for module, tree in ALL:
        if not (module.startswith(drawn) or module in no_more):
            continue
        for name in imports(tree):
            drawing = name.startswith("experiments.drawing")
            assert drawing or name in no_more or name.split(".")[0] in allowed, (
                f"{module} imports {name}"
            )


def test_configs_import_configs_only():
    for module, tree in modules("configs"):
        for name in imports(tree):
            top = name.split(".")[0]
            assert top in {"configs", "ml_collections", *sys.stdlib_module_names}, (
                module
            )


def test_no_file_has_more_than_500_lines():
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 500, path


def public(body):
    """Public functions and classes of a file or class, with their methods."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if node.name.startswith("_") and node.name != "__call__":
                continue
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


def test_everything_public_in_the_library_has_a_docstring():
    for module, tree in modules("decomp"):
        assert ast.get_docstring(tree), module
        for node in public(tree.body):
            assert ast.get_docstring(node), f"{module}.{node.name}"


def test_the_library_sets_no_flag_of_jax_and_has_no_precision_of_its_own():
    for module, tree in modules("decomp"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                name = f"{node.value.id}.{node.attr}"
                assert name not in {
                    *("jax.config", "jax.enable_x64", "jnp.float64", "jax.debug"),
                }, module
