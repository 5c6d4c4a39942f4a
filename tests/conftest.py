import importlib.metadata
import os

# The tests compile much and run little, so that they ask for few optimisations. The
# nightly tests, and whoever sets JAX_DISABLE_MOST_OPTIMIZATIONS=0, compile as users do.
# It is set before JAX starts, for the commands that tests start, too.
if "JAX_DISABLE_MOST_OPTIMIZATIONS" not in os.environ:
    if importlib.metadata.version("jaxlib").startswith("0.10."):
        # Without optimisation this version returns NaN for some programs whose value is
        # finite. Its older code generator is the faster one to compile with.
        flags = "--xla_backend_optimization_level=1 --xla_cpu_use_fusion_emitters=false"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    else:
        os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"

import jax  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_num_cpu_devices", 2)  # results may not depend on their number
