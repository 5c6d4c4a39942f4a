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
# point, and factors `[N, F]`, the classes of the same points. The codes may come from
# any model. `metrics.score` computes the published variants of every metric, and a name
# such as "mig, locatello" selects one. This page scores codes whose scores are known by
# hand, and then shows four traps.
#
# In a shell, this command computes every metric:
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
# The data are a grid of four factors with 4 values each: 4⁴ = 256 points, four times.
# The metrics see three factors; the fourth stands for everything else in the data. The
# first codes are the factors in another order, on other scales and one with another
# sign. The second codes turn two of the factors by 45°. The third codes lack a factor,
# as their last latent is constant.

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
# disentanglement (D) of DCI. One call scores several representations of the same
# points, and returns a sheet for each.

# %%
names = ["mig, locatello", "kim_mnih, enumerated", "dci disentanglement, eastwood"]
sheets = metrics.score(list(representations.values()), factors, metrics=names)
for name, sheet in zip(representations, sheets, strict=True):
    print(f"{name}\n{sheet}\n")

# %% [markdown]
# Aligned codes score 1 by all three metrics. A missing factor lowers MIG and Kim &
# Mnih's score by a third, as they are means over factors. It does not lower D, which
# asks whether each latent that is used encodes one factor, and not whether each factor
# has a latent. In the turned codes, two latents share two factors, and each metric
# penalises this differently.
#
# A notebook shows a sheet as a table, with the definition and the source of each value.

# %%
sheets[1]

# %% [markdown]
# Each metric is also a function that returns the score with its parts. Here is
# I(z_d; v_f). MIG is the mean over columns of the gap between the two largest values,
# divided by H(v_f) = log 4.

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
# ## Trap 1: a latent that has almost collapsed
#
# A collapsed latent is rarely exactly constant. Here, the third latent encodes c, but
# its scale is a hundred times smaller than that of the others. Should it count? In the
# released code of Mathieu et al., it does. Locatello et al. ignore latents whose
# standard deviation is below 0.05. MIG does not change, as its bins follow the range.

# %%
quiet = np.stack([a, b, c / 100], axis=1)
print(f"deviations {np.round(np.std(quiet, axis=0), 3)}")
names = ["mig, locatello", "kim_mnih, authors", "kim_mnih, locatello"]
print(metrics.score(quiet, factors, metrics=names))

# %% [markdown]
# ## Trap 2: a threshold in the units of the codes
#
# The threshold 0.05 presumes codes of unit variance. If perfect codes are a hundred
# times smaller, no latent is active, and the score is 0. `kim_mnih.score` also takes a
# mask of active latents, such as that of `kim_mnih.active_dimensions(loc, scale)`,
# which does not depend on the unit.

# %%
small = np.stack([a, b, c], axis=1) / 100
print(metrics.score(small, factors, metrics=names))

# %% [markdown]
# ## Trap 3: one name, several metrics
#
# DCI uses the importances of a regressor, and papers choose different ones: a lasso, a
# random forest or boosted trees. For the factor that no latent encodes, a forest fits
# chance. These importances lower D from 1.00 to less than half; the lasso finds none.
# So report the variant with the score.

# %%
names = ["dci disentanglement, eastwood", "dci disentanglement, tripod"]
print(metrics.score(representations["one missing"], factors, metrics=names))

# %% [markdown]
# ## Trap 4: too few points
#
# Information from bins is too large by about (bins − 1)(V − 1)/2N nats for a factor of
# V values, and the gap contains a part of this bias. These codes are pure noise.

# %%
rng = np.random.default_rng(1)
for count in (100, 1_000, 10_000):
    noise = rng.uniform(size=(count, 3))
    gap = mig.score(noise, rng.integers(0, 4, (count, 3)))
    print(
        f"N = {count:>6}: information {gap.information.mean():.4f} nats, "
        f"expected by chance {19 * 3 / (2 * count):.4f}; MIG {gap.score:.3f}"
    )

# %% [markdown]
# ## Codes that cannot be scored
#
# A run that diverged scores NaN and not 0, so that it cannot pass for a bad one. The
# other runs are scored. A continuous factor is cut into 20 classes, and the sheet says
# so.

# %%
broken = representations["aligned"].copy()
broken[7, 1] = np.nan
together = metrics.score(
    [broken, representations["aligned"]], factors, metrics=["mig, locatello"]
)
print([sheet.values["mig, locatello"] for sheet in together])
continuous = rng.uniform(size=(1_000, 3))
print(metrics.score(continuous, continuous, metrics=["mig, locatello"]))
