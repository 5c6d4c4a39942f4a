"""The objectives of the papers by name, as `decomp.fit` and sweeps know them.

`decomp.losses` has the sums of terms. A formula also says which weights it reads, which
divergence it weights, and whether it needs the parts of the KL.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax

from decomp import losses
from decomp.losses import Terms

NONE = "none"  # the divergence of an objective without one
FREE = "free"  # the divergence of an objective that takes any


class Formula(NamedTuple):
    """An objective: its value, its weights, and what it needs."""

    name: str
    source: str
    # Maps terms and weights by name to a value per example [B], which is maximised.
    value: Callable[[Terms, Mapping[str, jax.Array]], jax.Array]
    weights: tuple[str, ...] = ()  # names of its weights
    divergence: str = NONE  # its D, a key of divergences.estimates.ESTIMATES; or FREE
    has_parts: bool = False  # whether it weights the parts of the KL
    # Whether it is the bound of several samples, `importance.iwae`, not a sum of terms.
    importance_weighted: bool = False
    optional: tuple[str, ...] = ()  # weights that need not be given
    notation: str = ""  # what is maximised, as documents and reports write it
    factorised: str = ""  # why it needs p(z) = Π_d p(z_d); "" if it does not


_LOG = "E_q[log p(x|z)]"
_KL = "KL(q(z|x) ‖ p(z))"
_PENALTY = "− λ_od Σ_{d≠e} (C − T)_de² − λ_d Σ_d (C − T)_dd²"
_MATHIEU = "Mathieu et al. 2018, arXiv:1812.02833"
_FORMULAS = (
    Formula(
        "vae",
        "Kingma & Welling 2014, arXiv:1312.6114",
        lambda t, w: losses.elbo(t),
        notation=f"{_LOG} − {_KL}",
    ),
    Formula(
        "beta_vae",
        f"Higgins et al. 2017; {_MATHIEU}, Eq. 1",
        lambda t, w: losses.beta_vae(t, w["beta"]),
        ("beta",),
        notation=f"{_LOG} − β {_KL}",
    ),
    Formula(
        "alpha_beta",
        f"{_MATHIEU}, Eq. 3",
        lambda t, w: losses.alpha_beta(t, w["alpha"], w["beta"]),
        ("alpha", "beta"),
        FREE,
        notation=f"{_LOG} − β {_KL} − α D(q(z), p(z))",
    ),
    Formula(
        "entropy_regularised",
        f"{_MATHIEU}, Eq. 6",
        lambda t, w: losses.entropy_regularised(t, w["beta"]),
        ("beta",),
        notation=f"{_LOG} − {_KL} + ½ (β − 1) log |S(x)|",
    ),
    Formula(
        "capacity",
        "Burgess et al. 2018, arXiv:1804.03599",
        lambda t, w: losses.capacity(t, w["gamma"], w["capacity"]),
        ("gamma", "capacity"),
        notation=f"{_LOG} − γ |mean {_KL} − capacity|",
    ),
    Formula(
        "beta_tcvae",
        "Chen et al. 2018, arXiv:1802.04942, Eq. 4",
        lambda t, w: losses.beta_tcvae(t, w["alpha"], w["beta"], w["gamma"]),
        ("alpha", "beta", "gamma"),
        has_parts=True,
        notation=f"{_LOG} − α I(z; n) − β TC(z) − γ Σ_d KL(q(z_d) ‖ p(z_d))",
        factorised="weighs Σ_d KL(q(z_d) ‖ p(z_d))",
    ),
    Formula(
        "hfvae",
        "Esmaeili et al. 2019, arXiv:1804.02086",
        lambda t, w: losses.hfvae(t, w["alpha"], w["beta"], w["gamma"]),
        ("alpha", "beta", "gamma"),
        has_parts=True,
        notation=f"{_LOG} − α I(z; n) − β TC(groups) − γ Σ_g TC(z_g) "
        "− Σ_d KL(q(z_d) ‖ p(z_d))",
        factorised="weighs KL(q(z_d) ‖ p(z_d))",
    ),
    Formula(
        "factor_vae",
        "Kim & Mnih 2018, arXiv:1802.05983, Eq. 2",
        lambda t, w: losses.factor_vae(t, w["gamma"]),
        ("gamma",),
        "total_correlation",
        notation=f"{_LOG} − {_KL} − γ TC(z)",
    ),
    Formula(
        "info_vae",
        "Zhao et al. 2019, arXiv:1706.02262",
        lambda t, w: losses.info_vae(t, w["alpha"], w["lambda"]),
        ("alpha", "lambda"),
        FREE,
        notation=f"{_LOG} − (1 − α) {_KL} − (α + λ − 1) D(q(z), p(z))",
    ),
    Formula(
        "wae_mmd",
        "Tolstikhin et al. 2018, arXiv:1711.01558, Eq. 4",
        lambda t, w: losses.wae(t, w["lambda"]),
        ("lambda",),
        "mmd_imq",
        notation=f"{_LOG} − λ MMD(q(z), p(z))",
    ),
    Formula(
        "wae_gan",
        "Tolstikhin et al. 2018, arXiv:1711.01558, Eq. 4",
        lambda t, w: losses.wae(t, w["lambda"]),
        ("lambda",),
        "non_saturating",
        notation=f"{_LOG} − λ D(q(z), p(z))",
    ),
    Formula(
        "dip_vae_i",
        "Kumar et al. 2018, arXiv:1711.00848, Eq. 6",
        lambda t, w: losses.dip_vae(t),
        ("lambda_od", "lambda_d"),
        "covariance_of_means",
        notation=f"{_LOG} − {_KL} {_PENALTY}, for the covariances "
        "C of the means and T of p(z)",
    ),
    Formula(
        "dip_vae_ii",
        "Kumar et al. 2018, arXiv:1711.00848, Eq. 7",
        lambda t, w: losses.dip_vae(t),
        ("lambda_od", "lambda_d"),
        "covariance_of_aggregate",
        notation=f"{_LOG} − {_KL} {_PENALTY}, for the covariances "
        "C of q(z) and T of p(z)",
    ),
    Formula(
        "iwae",
        "Burda et al. 2016, arXiv:1509.00519",
        lambda t, w: losses.elbo(t),  # of one sample; `model.value` has the bound
        importance_weighted=True,
        notation="E_q[log mean_s p(x|z_s) p(z_s)/q(z_s|x)]",
    ),
)
OBJECTIVES = {formula.name: formula for formula in _FORMULAS}
