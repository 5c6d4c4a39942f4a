"""The pinwheel's question on other data: four moons under a prior of four clusters.

    python -m experiments.main --config=configs/moons.py

Settings, networks and training are those of pinwheel.py, which shows whether R6 to R9
hold for other data, too. Variants: none (the paper's scale), `laptop` (the same as
none), `smoke` (seconds). Expected: as on the pinwheel, overlap grows with β, and α
improves the match.
"""

from ml_collections import ConfigDict

from configs import base, pinwheel


def get_config(arg: str = "") -> ConfigDict:
    config = pinwheel.get_config()
    config.title = "Four moons with a prior of four clusters"
    config.data.name = "moons"
    base.deviate(config, "moons in place of the paper's pinwheel")
    return base.finish(
        config, arg, {"laptop": pinwheel.laptop, "smoke": pinwheel.smoke}
    )
