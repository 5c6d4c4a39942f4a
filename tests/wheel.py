"""Tries an installed distribution outside the clone; `make release` runs it.

python tests/wheel.py core       in an environment of the distribution alone
python tests/wheel.py metrics    with the extra `metrics` too
"""

import importlib
import importlib.metadata
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).parent.parent
MOST_PACKAGES = 14  # that the core may install


def core():
    """Computes an objective; a module that needs an extra names it in one line."""
    start = time.monotonic()
    import jax
    import jax.numpy as jnp

    from decomp import losses, priors
    from decomp.distributions import gaussian
    from decomp.distributions.gaussian import Gaussian

    print(f"import decomp.losses: {time.monotonic() - start:.1f} s")
    x = jax.random.normal(jax.random.key(0), (128, 2))
    prior = priors.isotropic(2)
    terms = losses.terms(
        jax.random.key(1),
        x,
        encode=lambda x: Gaussian(0.6 * x, jnp.full_like(x, 0.8)),
        log_px_z=lambda x, z: jax.vmap(gaussian.log_prob)(
            Gaussian(z, jnp.full_like(z, 0.6)), x
        ),
        log_pz=lambda z: gaussian.log_prob(prior, z),
        kl=lambda q: gaussian.kl(q, prior),
    )
    print(f"mean β-VAE objective: {jnp.mean(losses.beta_vae(terms, 4.0)):.3f} nats")
    packages = sorted({d.metadata["Name"] for d in importlib.metadata.distributions()})
    packages = [name for name in packages if name not in ("pip", "setuptools")]
    print(f"{len(packages)} packages: {', '.join(packages)}")
    assert len(packages) <= MOST_PACKAGES
    for module, extra in (("networks.dense", "networks"), ("metrics.dci", "metrics")):
        message = refusal(module)
        print(message)
        assert message.endswith(f"pip install 'decomp-vae[{extra}]'"), module


def refusal(module):
    """The error of a module that needs an extra; empty if there is none."""
    import jax
    import numpy as np

    try:
        imported = importlib.import_module(f"decomp.{module}")
        imported.score(jax.random.key(0), np.eye(8), np.arange(8)[:, None] % 2)
    except ModuleNotFoundError as error:
        return str(error)
    return ""


def metrics():
    """Prints scores of two codes: the first is a factor, the second is mostly noise."""
    import jax
    import numpy as np

    from decomp.metrics import sheet

    rng = np.random.default_rng(0)
    factors = rng.integers(0, 4, (500, 2))
    codes = factors + rng.normal(size=(500, 2)) * [0.01, 10]
    names = [name for name in sheet.METRICS if not name.startswith("dci")]
    variants = [*names, "dci disentanglement, eastwood"]
    for line in sheet.sheet(jax.random.key(0), codes, factors, metrics=variants):
        print(f"{line.metric:28} {line.variant:26} {line.value:.4f}")


if __name__ == "__main__":
    import decomp

    place = pathlib.Path(decomp.__file__)
    assert not place.is_relative_to(ROOT / "decomp"), f"{place} is the clone itself"
    version = importlib.metadata.version("decomp-vae")
    print(f"decomp-vae {version} on Python {sys.version.split()[0]}")
    {"core": core, "metrics": metrics}[sys.argv[1]]()
