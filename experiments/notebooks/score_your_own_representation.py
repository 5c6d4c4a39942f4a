# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # Score your own representation
#
# Metrics of disentanglement take two arrays: codes `[N, D]`, one row for each data
# point, and factors `[N, F]`, the classes of the same points. Where the codes come from
# does not matter. `metrics.score` computes every metric in every published variant, and
# a name such as "mig, locatello" picks one. This page scores codes whose answer is
# known by hand, then shows four ways to be misled.
#
# From a shell, every metric at once:
# `python -m experiments.score --codes=codes.npy --factors=factors.npy`.

# %%
import itertools

import matplotlib.pyplot as plt
import numpy as np

from decomp import metrics
from decomp.metrics import mig

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
# Here are the mutual information gap (MIG), the score of Kim & Mnih, and the
# disentanglement (D) of DCI. Several representations of the same points are scored in
# one call, and a sheet comes back for each.

# %%
chosen = ["mig, locatello", "kim_mnih, enumerated", "dci disentanglement, eastwood"]
sheets = metrics.score(list(representations.values()), factors, metrics=chosen)
for name, sheet in zip(representations, sheets, strict=True):
    print(f"{name}\n{sheet}\n")

# %% [markdown]
# Aligned codes score 1 by all three. A missing factor costs MIG and Kim & Mnih a third,
# as they are means over factors. It costs D nothing: D asks whether each code that is
# used serves one factor, not whether each factor has a code. Of the turned codes two
# share two factors, and each metric has its own price for that.
#
# A notebook shows a sheet as a table, with definition and source of each number.

# %%
sheets[1]

# %% [markdown]
# Each metric is also a function, which returns what its score is made of. Here is
# I(z_d; v_f), of which MIG takes the gap between the two largest in a column, over
# H(v_f) = log 4.

# %%
figure, panels = plt.subplots(1, 3, figsize=(7, 2.4), dpi=80, layout="constrained")
for axes, (name, codes) in zip(panels, representations.items(), strict=True):
    information = mig.score(codes, factors).information
    image = axes.imshow(information, vmin=0, vmax=np.log(4), cmap="Blues")
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
chosen = ["mig, locatello", "kim_mnih, authors", "kim_mnih, locatello"]
print(metrics.score(quiet, factors, metrics=chosen))

# %% [markdown]
# ## Trap 2: a threshold in the units of the codes
#
# 0.05 presumes codes of unit variance. The same perfect codes, a hundred times smaller:
# no latent is active, and the score is 0. `kim_mnih.score` takes the mask of active
# latents from you, such as `kim_mnih.active_dimensions(loc, scale)`, which has no unit.

# %%
small = np.stack([a, b, c], axis=1) / 100
print(metrics.score(small, factors, metrics=chosen))

# %% [markdown]
# ## Trap 3: one name, several metrics
#
# DCI reads importances off a regressor, and papers choose different ones: a lasso, a
# random forest, boosted trees. Trees use what they are given. For the factor that no
# code tells, a forest finds importance in chance, and D falls from 1.00 to less than
# half, where the lasso finds none. Write the variant beside the number.

# %%
chosen = ["dci disentanglement, eastwood", "dci disentanglement, tripod"]
print(metrics.score(representations["one missing"], factors, metrics=chosen))

# %% [markdown]
# ## Trap 4: too few points
#
# Counting in bins finds information where there is none: about (bins − 1)(V − 1)/2N
# nats for a factor of V values, which the gap takes part of. Codes of pure noise:

# %%
rng = np.random.default_rng(1)
for count in (100, 1_000, 10_000):
    noise = rng.uniform(size=(count, 3))
    found = mig.score(noise, rng.integers(0, 4, (count, 3)))
    print(
        f"N = {count:>6}: information {found.information.mean():.4f} nats, "
        f"expected by chance {19 * 3 / (2 * count):.4f}; MIG {found.score:.3f}"
    )

# %% [markdown]
# ## Codes that cannot be scored
#
# A run that diverged scores NaN, never 0, so that it cannot pass for a bad one. Its
# neighbours are scored all the same. A continuous factor is cut into 20 classes, and
# the sheet says so.

# %%
broken = representations["aligned"].copy()
broken[7, 1] = np.nan
together = metrics.score(
    [broken, representations["aligned"]], factors, metrics=["mig, locatello"]
)
print([sheet.values["mig, locatello"] for sheet in together])
continuous = rng.uniform(size=(1_000, 3))
print(metrics.score(continuous, continuous, metrics=["mig, locatello"]))
