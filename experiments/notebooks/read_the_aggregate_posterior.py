# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # Read the aggregate posterior
#
# A VAE encodes N data points as N Gaussians q(z|x_n). Their mean is the aggregate
# posterior q(z) = (1/N) Σ_n q(z|x_n), a mixture of N components. It can be computed
# exactly, and so can the quantities that are usually estimated from a minibatch. This
# page computes them for three sets of posteriors with known answers, measures the bias
# of minibatches, compares both directions of the KL, and ends with trained VAEs.

# %%
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import decomp
from decomp import decomposition, estimate, minibatch, overlap, priors
from decomp.datasets import pinwheel
from decomp.distributions import gaussian, mixture
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import kl_aggregate_prior, kl_prior_aggregate

# %% [markdown]
# ## Three degrees of overlap
#
# Each set has 400 posteriors, whose means are correlated (ρ = 0.7). The sets differ in
# the width of the posteriors; the means shrink as it grows, so that q(z) keeps unit
# variances. The circles are every fourth posterior, at one standard deviation.

# %%
N = 400
ROOT = jnp.linalg.cholesky(jnp.array([[1.0, 0.7], [0.7, 1.0]]))
MEANS = jax.random.normal(jax.random.key(0), (N, 2)) @ ROOT.T


def posteriors(scale):
    """Posteriors with leaves `[400, 2]`, all of one width."""
    loc = jnp.sqrt(1 - scale**2) * MEANS
    return Gaussian(loc, jnp.full_like(loc, scale))


sets = {scale: posteriors(scale) for scale in (0.001, 0.3, 1.0)}
figure, panels = plt.subplots(1, 3, figsize=(7, 2.6), dpi=80, layout="constrained")
for axes, (scale, q) in zip(panels, sets.items(), strict=True):
    for centre in q.loc[::4]:
        axes.add_patch(plt.Circle(centre, scale, fill=False, color="C0", alpha=0.3))
    axes.scatter(*q.loc.T, s=1, color="C0")
    axes.set(title=f"width {scale:g}", xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), aspect=1)

# %% [markdown]
# ## The KL in three parts
#
# For a prior with independent dimensions the average KL(q(z|x) ‖ p(z)) is the
# information I(z; n) about which point is encoded, plus the total correlation of q(z),
# plus the KL of each marginal. `decomposition.sampled` draws from q(z) and is otherwise
# exact, so that every part has a standard error. The average KL has a closed form.

# %%
prior = priors.isotropic(2)
log_prior = partial(gaussian.log_prob, prior)
parts = jax.jit(
    lambda q: decomposition.sampled(jax.random.key(1), q, log_prior, num_samples=8_000)
)
for scale, q in sets.items():
    average = jnp.mean(jax.vmap(gaussian.kl, (0, None))(q, prior))
    terms = parts(q)[1:4]  # information, total correlation, dimension-wise KL
    total = sum(term.value for term in terms)
    words = " + ".join(f"{x.value:z.2f} ± {2 * x.stderr:.2f}" for x in terms)
    print(f"width {scale:>5g}: {words} = {total:z.2f}; closed form {average:z.2f}")

# %% [markdown]
# The narrow posteriors are a look-up table: I(z; n) = 5.99 is log N, its maximum.
# Posteriors that are all equal have no information. The total correlation of the narrow
# posteriors is that of 400 spikes, not the 0.34 of a Gaussian with ρ = 0.7.
#
# ## Three measures of overlap
#
# They are the information as a share of log N, the mean Bhattacharyya coefficient of a
# pair of points, and the number of points that share a z.


# %%
@jax.jit
def overlaps(q):
    """The three measures for one set of posteriors."""
    share = overlap.relative_information(parts(q).mutual_information, num_points=N)
    pairs = overlap.mean_bhattacharyya(q)
    shared = overlap.effective_neighbours(jax.random.key(2), q, num_samples=1_000)
    return share.value, pairs, shared.value


for scale, q in sets.items():
    share, pairs, shared = overlaps(q)
    print(
        f"width {scale:>5g}: I/log N {share:z.2f}, Bhattacharyya {pairs:.2f}, "
        f"points that share z {shared:.1f}"
    )

# %% [markdown]
# ## Estimates from a minibatch
#
# Training estimates q(z) from B points, as all N would take too long. The logarithm of
# an unbiased estimate is too small on average (Eq. 9), so that entropies are too large.
# If few posteriors overlap, the estimate is log N + H[q(z|x)] for any q(z) (Eq. 11).
# Here is the bias of H[q(z)], from 300 minibatches of 32 points.


# %%
@jax.jit
def estimated(q):
    """The mean of each estimator of H[q(z)] over minibatches of 32 points."""

    def one(key):
        place_key, noise_key = jax.random.split(key)
        places = jax.random.choice(place_key, N, (32,), replace=False)
        batch = jax.tree.map(lambda leaf: leaf[places], q)
        z = gaussian.sample(noise_key, batch)
        return {
            name: -jnp.mean(minibatch.log_densities(batch, z, weights(32, N)).log_qz)
            for name, weights in minibatch.ESTIMATORS.items()
        }

    entropies = jax.lax.map(one, jax.random.split(jax.random.key(3), 300))
    return jax.tree.map(jnp.mean, entropies)


widths = [0.001, 0.01, 0.03, 0.1, 0.2, 0.4, 1.0]
exact = [parts(posteriors(width)).entropy.value for width in widths]
table = [estimated(posteriors(width)) for width in widths]
figure, axes = plt.subplots(figsize=(5, 3), dpi=80, layout="constrained")
print(f"log N = {np.log(N):.2f}, log N/B = {np.log(N / 32):.2f} nats")
print(" " * 13 + " ".join(f"{width:6g}" for width in widths))
for name in minibatch.ESTIMATORS:
    bias = [row[name] - value for row, value in zip(table, exact, strict=True)]
    axes.plot(widths, bias, marker="o", markersize=3, label=name)
    print(f"{name:>11}: " + " ".join(f"{value:z6.2f}" for value in bias))
axes.axhline(0, color="0.4", linewidth=0.8)
axes.set(xscale="log", xlabel="width of the posteriors", ylabel="bias of H[q(z)], nats")
legend = figure.legend(loc="outside right upper", frameon=False)

# %% [markdown]
# `stratified` and `symmetrised` agree. They are right at both ends, and too large in
# between, at the overlap that the paper asks for. Without overlap, `batch_mean` is too
# small by log N/B = 2.53 nats, as the posterior of each z has the weight 1/32 instead
# of 1/400. `weighted` is `batch_mean` plus log N, which has the same gradient.
#
# ## Both directions of KL
#
# The prior has four clusters. One q(z) has lost a cluster; the other has all four,
# twice as wide. KL(q ‖ p) hardly penalises the loss, by log 4/3 = 0.29. KL(p ‖ q) does.

# %%
clusters = priors.clusters()
loc, scale = clusters.components
aggregates = {
    "three of four": Gaussian(loc[:3], scale[:3]),
    "all, too wide": Gaussian(loc, 2 * scale),
}
log_pz = partial(mixture.log_prob, clusters)
box = {"low": -3.0, "high": 3.0, "points_per_axis": 300}
kl_q_p = partial(kl_aggregate_prior.kl_aggregate_prior_quadrature, log_pz, **box)
kl_p_q = partial(kl_prior_aggregate.kl_prior_aggregate_quadrature, log_pz, **box)
for name, q in aggregates.items():
    print(f"{name}: KL(q ‖ p) {kl_q_p(q).value:.2f}, KL(p ‖ q) {kl_p_q(q).value:.2f}")

# %% [markdown]
# ## The q(z) of trained VAEs
#
# These VAEs have this prior, three values of β and five seeds each. A larger β gives
# more overlap. With too little overlap, q(z) does not match the prior by KL(p ‖ q),
# which the paper weights by α. Five seeds do not show which of β = 1 and 4 is better.

# %%
points, _ = pinwheel.sample(jax.random.key(4), num_points=N)
options = {"likelihood": "gaussian", "latents": 2, "hidden": (100,), "steps": 2_000}
options |= {"prior": clusters, "progress": False}
vaes = decomp.fit(points, beta=[0.1, 1, 4], seeds=5, **options)
shared = jax.vmap(overlaps)(vaes.encode(points))[2]
p_q = jax.vmap(kl_p_q)(vaes.encode(points)).value
for beta in (0.1, 1, 4):
    chosen = vaes.weights["beta"] == np.float32(beta)
    (a, da), (b, db) = (estimate.from_samples(x[chosen]) for x in (shared, p_q))
    # 95 %: Student's t with 4 degrees of freedom
    words = f"{a:.0f} ± {2.776 * da:.0f} points share z"
    print(f"β = {beta}: {words}, KL(p ‖ q) {b:.2f} ± {2.776 * db:.2f} nats")
