import importlib.metadata
import os

# The tests compile much and run little, so that they ask for few optimisations. The
# nightly tests, and whoever sets JAX_DISABLE_MOST_OPTIMIZATIONS=0, compile as users do.
# Both are set before JAX starts, for the commands that tests start, too.
if os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1") == "1":
    if importlib.metadata.version("jaxlib").startswith("0.10."):
        # Its older code generator takes two thirds of the time; later ones have none.
        older = "--xla_cpu_use_fusion_emitters=false"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {older}".strip()

import jax  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)
jax.config.update("jax_num_cpu_devices", 2)  # results may not depend on their number
