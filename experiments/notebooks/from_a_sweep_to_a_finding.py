# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
# ---

# %% [markdown]
# # From a sweep to a finding
#
# A sweep trains many seeds of many settings and writes a folder. `results.open` reads
# its scores and its networks, and needs neither the data nor an accelerator. This page
# trains a small sweep, asks whether β = 4 disentangles better than β = 1, answers with
# intervals, and shows a network of each setting.

# %%
import pathlib
import subprocess
import sys
import tempfile

import matplotlib.pyplot as plt
import numpy as np

import decomp
from decomp import metrics
from decomp.datasets import dsprites
from experiments import results
from experiments.results import summary

workdir = pathlib.Path(tempfile.mkdtemp()) / "sweep"

# %% [markdown]
# ## The sweep
#
# The sweep has ten seeds of two values of β, on 20,000 sprites of 16×16 pixels. It is
# Figure 1 of the paper at a small scale, and takes half a minute. In a shell, it is
#
#     python -m experiments.main --config=configs/shapes_anisotropic.py:laptop ...

# %%
command = [
    *(sys.executable, "-m", "experiments.main", f"--workdir={workdir}"),
    "--config=configs/shapes_anisotropic.py:laptop",
    "--config.prior.name=isotropic",
    "--config.objective.beta=1,4",
    "--config.seeds=10",
    "--config.data.points=20000",
    "--config.train.steps=1000",
    "--config.evaluate.points=4096",
]
subprocess.run(command, check=True, capture_output=True)
sweep = results.open(workdir)
print(f"{len(sweep)} runs of β = {[row['beta'] for row in sweep.settings]}")
print(", ".join(sweep.scores))

# %% [markdown]
# ## Paired differences
#
# Both settings have the same ten seeds, and a seed fixes the initial parameters and the
# order of the data. So the differences are paired by seed, and their mean has a
# t-interval from ten values. Among five scores, one differs from zero by chance more
# often than a single score does. The intervals are wider to allow for five comparisons
# (Bonferroni), so that their joint coverage is 95 %. A run that diverged has no pair.


# %%
def of_setting(score, beta):
    """A score by seed, for one value of β."""
    chosen = (sweep.scores["beta"] == beta) & (sweep.scores["diverged"] < 0)
    seeds = sweep.scores["seed"][chosen]
    return dict(zip(seeds.tolist(), sweep.scores[score][chosen], strict=True))


names = ["neighbours", "reconstruction", "kim_mnih_pruned", "mig", "sap"]
differences = {}
for name in names:
    one, four = of_setting(name, 1), of_setting(name, 4)
    gaps = np.array([four[seed] - one[seed] for seed in one.keys() & four.keys()])
    mean, _, low, high = summary.interval(gaps, comparisons=len(names))
    differences[name] = gaps, mean, high - mean
    verdict = "may be zero" if low < 0 < high else "is not zero"
    print(f"{name:>15}: {mean:+.3f} ± {high - mean:.3f}  {verdict}")

# %% [markdown]
# This is the finding. With β = 4, more points share a z, and the reconstruction of an
# image is worse by about 14 nats. Of the three scores of disentanglement, SAP is
# higher; for the other two, ten seeds do not show a difference.

# %%
figure, panels = plt.subplots(1, 5, figsize=(8, 2.4), dpi=80, layout="constrained")
for axes, (name, (gaps, mean, half)) in zip(panels, differences.items(), strict=True):
    axes.axhline(0, color="0.6", linewidth=0.8)
    axes.scatter(np.linspace(-0.2, 0.2, len(gaps)), gaps, s=8, color="0.6")
    axes.errorbar([0], [mean], [half], fmt="o", capsize=4, color="tab:blue")
    axes.set(title=name, xticks=[], xlim=(-0.6, 0.6))
label = panels[0].set_ylabel("β = 4 minus β = 1")

# %% [markdown]
# ## The networks
#
# `sweep[run]` is a trained VAE. The best run would not be representative, so these are
# the median runs of both settings, by their MIG. Each row changes one latent from −2 to
# 2, while the others keep their values for the image of a heart.


# %%
def median_run(beta):
    """The number of the run with the median MIG, for one value of β."""
    order = np.argsort(sweep.scores["mig"])
    runs = sweep.scores["run"][order][sweep.scores["beta"][order] == beta]
    return int(runs[len(runs) // 2])


def images(classes):
    """The images of these classes of the factors, as in the data of the sweep."""
    counts = dsprites.pooled(dsprites.render(classes), side=16)
    return counts.reshape(-1, 16, 16, 1) / 16


rng = np.random.default_rng(0)
classes = rng.integers(0, dsprites.FACTOR_SIZES, (4_096, 5))
heart = images(np.array([[2, 5, 0, 16, 16]]))[0]
figure, panels = plt.subplots(1, 2, figsize=(6, 5), dpi=80, layout="constrained")
for axes, beta in zip(panels, (1, 4), strict=True):
    vae = sweep[median_run(beta)]
    rows = [vae.traverse(heart, d, np.linspace(-2, 2, 7)) for d in range(vae.latents)]
    tiles = np.concatenate([np.concatenate(row[..., 0], axis=1) for row in rows])
    axes.imshow(tiles, cmap="gray")
    axes.set(title=f"β = {beta}, run {median_run(beta)}", xticks=[], yticks=[])

# %% [markdown]
# ## Scores of new images, and a file of the network
#
# The codes of new images are scored like any other codes. `save` writes the networks
# and their parameters to one file, and `decomp.load` reads it without the folder of the
# sweep.

# %%
vae = sweep[median_run(4)]
vae.save(workdir / "median.npz")
again = decomp.load(workdir / "median.npz")
labels = ["kim_mnih, locatello", "mig, locatello", "sap, locatello", "irs, locatello"]
print(metrics.score(again.codes(images(classes)), classes, metrics=labels))
