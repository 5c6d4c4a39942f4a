import ast
import functools
import graphlib
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
FOLDERS = ("decomp", "experiments", "configs", "tests")

# From the bottom up: a package imports only from lower floors. Its own files may import
# each other, but not in a circle.
FLOORS = [
    {"decomp.numerics", "decomp.extras", "decomp.schedules", "decomp.own_functions"}
    | {"decomp.runs", "decomp.progress"},
    {"decomp.estimate"},
    {"decomp.distributions"},
    {"decomp.minibatch"},
    {"decomp.aggregate", "decomp.divergences", "decomp.priors"}
    | {"decomp.metrics", "decomp.networks", "decomp.datasets"},
    {"decomp.decomposition", "decomp.overlap", "decomp.training"},
    {"decomp.losses", "decomp.importance", "decomp.theory"},
    {"decomp.trained", "decomp.objectives", "decomp.model"},
    {"decomp.vae"},
    {"decomp.fit_options"},
    {"decomp.fitting"},
    {"configs.base"},
    {"experiments.system"},
    {"experiments.results"},
    {"experiments.data"},
    {"experiments.models"},
    {"experiments.config"},
    {"experiments.training"},
    {"experiments.evaluation"},
    {"experiments.plots"},
    {"experiments.sweep"},
    {"experiments.findings"},
    {"experiments.report"},
    # The commands; each is a file or a package.
    {"experiments.main", "experiments.score", "experiments.bias"}
    | {"experiments.variants", "experiments.figures", "experiments.watch"}
    | {"experiments.benchmarks", "experiments.plan"},
    {"experiments.reference", "experiments.api_reference", "experiments.notebooks"},
]
OURS = ("decomp", "experiments", "configs")
LIBRARY = {"jax", "numpy", "chex"}
# Further packages that parts of the library may import at the top of a file.
MORE = {"decomp.networks": {"flax"}, "decomp.datasets": {"h5py"}}
MORE |= {"decomp.training": {"optax"}, "decomp.fitting": {"optax"}}


def paths(folder):
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


@functools.cache
def parsed(path):
    return ast.parse(path.read_text())


def modules(*folders):
    """Names and syntax trees of all files of the folders."""
    for folder in folders:
        for name, path in paths(folder):
            yield name, parsed(path)


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


def package(module):
    """The package of a module, or the module itself outside a package."""
    return ".".join(module.split(".")[:2])


def floor(module):
    floors = [i for i, names in enumerate(FLOORS) if package(module) in names]
    return floors[0] if floors else None


PATHS = {name: path for folder in OURS for name, path in paths(folder)}


@pytest.mark.parametrize("module", PATHS)
def test_a_file_imports_from_lower_floors_only(module):
    if module in ("decomp", "experiments"):
        return
    for name in imports(parsed(PATHS[module])):
        if name.split(".")[0] not in OURS or module.startswith("configs."):
            continue
        # `from decomp import fit` reaches the floor of `decomp.fitting`.
        below = floor("decomp.fitting" if name == "decomp" else name)
        assert below is not None, f"{module} imports {name}, which has no floor"
        same_package = package(module) == package(name)
        assert same_package or below < floor(module), f"{module} imports {name}"


def test_every_package_has_a_floor():
    packages = {package(module) for module in PATHS if not module.startswith("configs")}
    assert packages - {"decomp", "experiments"} == set().union(*FLOORS) - {
        "configs.base"
    }


def test_no_files_import_each_other_in_a_circle():
    arrows = {module: set(imports(tree)) - {module} for module, tree in modules(*OURS)}
    sorter = graphlib.TopologicalSorter(arrows)
    sorter.prepare()  # raises CycleError


def test_names_of_modules_do_not_repeat_in_the_harness():
    names = [module.rpartition(".")[2] for module, _ in paths("experiments")]
    names = [name for name in names if name != "__main__"]
    assert sorted(names) == sorted(set(names))


def test_the_library_imports_jax_numpy_and_chex():
    standard = sys.stdlib_module_names
    for module, tree in modules("decomp"):
        allowed = LIBRARY | {"decomp"} | MORE.get(package(module), set())
        for name in imports(tree, inside_functions=False):
            top = name.split(".")[0]
            assert top in allowed or top in standard, f"{module} imports {name}"


def test_the_library_knows_neither_experiments_nor_configs():
    for module, tree in modules("decomp"):
        tops = {name.split(".")[0] for name in imports(tree)}
        assert not tops & {"experiments", "configs", "ml_collections"}, module


def test_plots_read_and_write_files_and_nothing_else():
    more = {"decomp.datasets.readers.npz", "experiments.results.columns"}
    more |= {"experiments.results.reading", "experiments.system.atomic_files"}
    more |= {"experiments.system.commands", "experiments.system.paths"}
    more |= {"experiments.system.signals", "experiments.results.labels"}
    more |= {"experiments.system.registry"}
    allowed = {"numpy", "matplotlib", "scipy", *sys.stdlib_module_names}
    # Its functions import what they measure with; `test_imports` tests the rest.
    allowed_modules = {*more, "decomp.metrics.definitions"}
    plots = ("experiments.plots", "experiments.figures")
    for module, tree in modules(*OURS):
        if not (module.startswith(plots) or module in more):
            continue
        for name in imports(tree):
            plot = name.startswith("experiments.plots")
            assert plot or name in allowed_modules or name.split(".")[0] in allowed, (
                f"{module} imports {name}"
            )


def test_configs_import_configs_only():
    for module, tree in modules("configs"):
        # These two define entries that other configs only name.
        if module in ("configs.your_own", "configs.anisotropy"):
            continue
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


def test_names_of_classes_do_not_repeat():
    modules_of = {}
    for module, tree in modules(*FOLDERS):
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                modules_of.setdefault(node.name, []).append(module)
    repeated = {name: paths for name, paths in modules_of.items() if len(paths) > 1}
    assert repeated == {}
