# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # Score your own representation
#
# Metrics of disentanglement take two arrays: codes `[N, D]`, one row a data point, and
# factors `[N, F]`, the classes of the same points. Where they come from is nobody's
# business here. Each metric is one function, and a preset names each published variant
# of it. This page scores codes whose answer is known by hand, then shows four ways to
# be misled.
#
# From a shell, every metric at once:
# `python -m experiments.score --codes=codes.npy --factors=factors.npy`.

# %%
import itertools

import jax
import matplotlib.pyplot as plt
import numpy as np

from decomp.metrics import dci, discrete, kim_mnih, mig

# %% [markdown]
# ## Three representations
#
# Three factors of 4 values, and a fourth that stands for all that no metric is told of:
# a grid of 4⁴ = 256 points, four times over. The first codes are the factors in another
# order, on other scales, one of them flipped. The second turn two of the factors by
# 45°. The third lack a factor: their last code is constant.

# %%
grid = np.array(list(itertools.product(range(4), repeat=4)) * 4)
factors = grid[:, :3]
a, b, c = np.float32(factors.T - 1.5)
representations = {
    "aligned": np.stack([-3 * c, a / 2, 8 * b], axis=1),
    "turned by 45°": np.stack([a + b, a - b, c], axis=1),
    "one missing": np.stack([a, b, np.full_like(a, 0.3)], axis=1),
}

# %% [markdown]
# The mutual information gap (MIG), the score of Kim & Mnih, and the disentanglement (D)
# of DCI. What is told the sizes of the factors may be compiled, and mapped over many
# representations; a key makes what is drawn or fitted repeatable.


# %%
@jax.jit
def gap(codes, factors):
    """MIG of codes and factors of 4 values, and the information that it is made of."""
    found = mig.score(codes, factors, sizes=(4, 4, 4))
    return found.score, found.information


@jax.jit
def kim_mnih_score(codes):
    """The score of Kim & Mnih over all votes there are."""
    return kim_mnih.enumerated(codes, factors, sizes=(4, 4, 4)).score


def lasso(codes):
    """D of DCI by a lasso, which scikit-learn fits: not compiled."""
    return dci.score(jax.random.key(0), codes, factors, preset="eastwood").score


def scores(codes):
    """Three metrics of codes `[N, 3]`, each by one of its presets."""
    return {
        "MIG": gap(codes, factors)[0],
        "Kim & Mnih": kim_mnih_score(codes),
        "D of DCI": lasso(codes),
    }


for name, codes in representations.items():
    line = ", ".join(f"{metric} {value:.2f}" for metric, value in scores(codes).items())
    print(f"{name:>13}: {line}")

# %% [markdown]
# Aligned codes score 1 by all three. A missing factor costs MIG and Kim & Mnih a third,
# as they are means over factors. It costs D nothing: D asks whether each code that is
# used serves one factor, not whether each factor has a code. Of the turned codes two
# share two factors, and each metric has its own price for that.
#
# What a score is made of comes with it. Here is I(z_d; v_f), of which MIG takes the gap
# between the two largest in a column, over H(v_f) = log 4.

# %%
figure, panels = plt.subplots(1, 3, figsize=(7, 2.4), dpi=80, layout="constrained")
for axes, (name, codes) in zip(panels, representations.items(), strict=True):
    image = axes.imshow(gap(codes, factors)[1], vmin=0, vmax=np.log(4), cmap="Blues")
    axes.set_title(name)
    axes.set_xticks(range(3), ["a", "b", "c"])
    axes.set_yticks(range(3), ["$z_1$", "$z_2$", "$z_3$"])
bar = figure.colorbar(image, ax=panels, label="I(z; v), nats")

# %% [markdown]
# ## Trap 1: a latent that has collapsed, but not quite
#
# A collapsed latent is seldom exactly constant. Here the third one tells c, but a
# hundred times more quietly than the others tell a and b. Should it count? The released
# code of Mathieu et al. says yes, Locatello et al. drop latents whose standard
# deviation is below 0.05, and MIG, whose bins follow the range, sees no difference.

# %%
quiet = np.stack([a, b, c / 100], axis=1)
print(f"deviations {np.round(np.std(quiet, axis=0), 3)}")
print(f"MIG {gap(quiet, factors)[0]:.2f}")
print(kim_mnih.PRESETS["locatello"])
few = {"votes": 1_000, "samples": 100}  # in place of the preset's, for speed
for preset in ("authors", "locatello"):
    key = jax.random.key(1)
    found = kim_mnih.score(key, quiet, factors, preset=preset, **few)
    print(f"Kim & Mnih, {preset}: {found.score:.2f}, {found.num_active} active")

# %% [markdown]
# ## Trap 2: a threshold in the units of the codes
#
# 0.05 presumes codes of unit variance. The same perfect codes, a hundred times smaller:
# no latent is active, and the score is 0. Give the mask of active latents yourself,
# such as `kim_mnih.active_dimensions(loc, scale)`, which has no unit.

# %%
small = np.stack([a, b, c], axis=1) / 100
by_hand = kim_mnih.enumerated(small, factors, active=np.ones(3, bool))
print(f"by the threshold {kim_mnih_score(small):.2f}, all active {by_hand.score:.2f}")

# %% [markdown]
# ## Trap 3: one name, several metrics
#
# DCI reads importances off a regressor, and papers choose different ones: a lasso, a
# random forest, boosted trees. Trees use what they are given. For the factor that no
# code tells, a forest finds importance in chance, and D falls from 1.00 to less than
# half, where the lasso finds none.

# %%
for name in ("aligned", "one missing"):
    for preset in ("eastwood", "tripod"):
        key, codes = jax.random.key(0), representations[name]
        found = dci.score(key, codes, factors, preset=preset)
        print(
            f"{name:>11}, {preset:>8}: D {found.score:.2f}, "
            f"completeness {found.completeness:.2f}"
        )
print(found.variant)

# %% [markdown]
# Write the preset beside the number; `found.variant` has it, and what was changed.
#
# ## Trap 4: too few points
#
# Counting in bins finds information where there is none: about (bins − 1)(V − 1)/2N
# nats for a factor of V values, which the gap takes part of. Codes of pure noise:

# %%
rng = np.random.default_rng(1)
for count in (100, 1_000, 10_000):
    labels = rng.integers(0, 4, (count, 3))
    found, information = gap(np.float32(rng.uniform(size=(count, 3))), labels)
    bias = 19 * 3 / (2 * count)
    print(
        f"N = {count:>6}: information {np.mean(information):.4f} nats, "
        f"expected by chance {bias:.4f}; MIG {found:.3f}"
    )

# %% [markdown]
# ## Codes that cannot be scored
#
# A run that diverged scores NaN, never 0: it cannot pass for a bad one. Continuous
# factors are refused until you say into how many classes they are to be cut.

# %%
broken = representations["aligned"].copy()
broken[7, 1] = np.nan
print(gap(broken, factors)[0])
continuous = rng.uniform(size=(1_000, 3))
try:
    mig.score(np.float32(continuous), continuous)
except ValueError as error:
    print(error)
classes, sizes = discrete.classes(continuous, bins=4)
print(f"cut into {sizes}: MIG {gap(np.float32(continuous), classes)[0]:.2f}")
