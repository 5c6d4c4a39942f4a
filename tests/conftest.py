import os

# The tests compile much and run little: without LLVM's optimiser they take half the
# time. XLA's own passes, which decide what is computed, stay as they are.
_FLAGS = os.environ.get("XLA_FLAGS", "")
os.environ["XLA_FLAGS"] = f"{_FLAGS} --xla_backend_optimization_level=1".strip()

import jax  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_num_cpu_devices", 2)  # results may not depend on their number
