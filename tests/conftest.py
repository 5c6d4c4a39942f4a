import gc
import importlib.metadata
import os
import pathlib
import signal
import sys

gc.disable()  # until the tests are collected; nothing is thrown away before
cache = pathlib.Path(__file__).parents[1] / ".pytest_cache"

if sys.dont_write_bytecode:  # as in many containers
    # Otherwise each command that a test starts would compile its modules again, which
    # takes twice as long as everything else that it does at its start.
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(cache / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix

# The tests compile much and run little, so they ask for few optimisations. The nightly
# tests, and anyone who sets JAX_DISABLE_MOST_OPTIMIZATIONS=0, compile as users do. The
# variables are set before JAX starts, so commands that tests start inherit them.
if os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1") == "1":
    # XLA ends the process at a flag that it does not know, so each has its versions.
    version, flags = importlib.metadata.version("jaxlib"), []
    if version.startswith("0.10."):
        # Its older code generator takes two thirds of the time; later versions lack it.
        flags.append("--xla_cpu_use_fusion_emitters=false")
    if version.startswith(("0.10.", "0.11.", "0.12.")):
        # A program in one part: thirty-two parts take a third more, as all are small.
        flags.append("--xla_cpu_parallel_codegen_split_count=1")
    os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *flags])
    # Programs do not note the lines of Python that made them.
    os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

# Each worker of the tests has one core. Further threads of NumPy's and scikit-learn's
# matrix products would wait for work by taking turns on it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import jax  # noqa: E402
import pytest  # noqa: E402

# Background commands of a shell ignore Ctrl-C, those under `nohup` ignore SIGHUP, and
# their children inherit this. Tests of signals need commands that do not ignore them.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        default = (
            signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )
        signal.signal(number, default)

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_num_cpu_devices", 2)  # results may not depend on their number

# Programs that one test has compiled serve the others, and the next run of the tests.
# The commands that tests start have no such cache: one that is killed while it writes
# would leave half an entry.
jax.config.update("jax_compilation_cache_dir", str(cache / "jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

# The examples of these modules take seconds each, as they draw votes, fit models or
# compile each operation. Quick tests compare the functions with known values.
SLOW_EXAMPLES = {"decomp.aggregate", "decomp.decomposition"}
SLOW_EXAMPLES |= {
    f"decomp.distributions.{name}"
    for name in ("annealed_quadrature", "mixture", "student_t")
}
SLOW_EXAMPLES |= {
    f"decomp.metrics.{name}"
    for name in (
        *("dcimig", "discrete", "edi", "higgins", "hoyer", "infoe", "infomec", "irs"),
        *("jemmig", "kim_mnih", "mig", "mig_sup", "modularity", "rmig", "sap", "udr"),
        *("unsupervised", "z_max_variance"),
    )
}


def pytest_collection_finish():
    # Modules and collected tests live to the end: the garbage collector need not visit
    # them, and tracing makes so many objects that a rare visit of the others is enough.
    # It took a tenth of the time of the tests.
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)
    gc.enable()


# JAX keeps all programs that it has made, and MLIR visits them for each new one, which
# takes a fifth longer beside a thousand. They would also fill gigabytes.
KEPT_PROGRAMS = 400
programs = 0  # the number made since JAX last forgot them


def count(event, *details, **names):
    global programs
    programs += event == "/jax/core/compile/backend_compile_duration"


jax.monitoring.register_event_duration_secs_listener(count)


def pytest_runtest_teardown(item, nextitem):
    global programs
    if programs > KEPT_PROGRAMS and not (nextitem and nextitem.path == item.path):
        jax.clear_caches()
        programs = 0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            if item.name.rpartition(".")[0] in SLOW_EXAMPLES:
                item.add_marker("slow")
