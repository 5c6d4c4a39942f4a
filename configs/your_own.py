"""Your own loss, prior, divergence, network, data and metric.

    python -m experiments.main --config=configs/your_own.py
    python -m experiments.report results/your_own --config=configs/your_own.py

Copy this file and replace the parts. Each is an entry that is registered under a name,
which the config below, the command line, tables, figures and the report use. You need
not change any other file. Variants: none (a minute on 2 cores), `smoke` (less).
Expected: if 8 nats of the KL are free, the KL rises to about 8 and images are sharper.
"""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from ml_collections import ConfigDict

from configs import base
from decomp.distributions.gaussian import Gaussian
from decomp.divergences import estimates
from experiments.data import catalogue, loaders
from experiments.evaluation import metrics
from experiments.models import divergences, networks, objectives, priors

# Data: images [N, H, W] or [N, H, W, C] with factors [N, F], from any source, such as
# np.load("mine.npz")["images"]. Here they show a bright square at 6 × 6 places.
PLACES = np.array([(y, x) for y in range(6) for x in range(6)] * 20)
IMAGES = np.zeros((len(PLACES), 8, 8), np.uint8)
for image, (y, x) in zip(IMAGES, PLACES, strict=True):
    image[y : y + 3, x : x + 3] = 255
catalogue.register(
    loaders.of_arrays("squares", "Squares", IMAGES, PLACES, factor_names=("y", "x"))
)


# A loss: maps the terms of the examples (`decomp.losses.Terms`) and your weights to the
# objective [B], which is maximised. Weights, and static `base.Field`s, can be swept.
def free_bits(terms, weights):
    return terms.log_px_z - weights["beta"] * jnp.maximum(terms.kl, weights["bits"])


beta = base.Parameter("β", 1.0, "weight of the KL")
bits = base.Parameter("bits", 0.0, "nats of the KL that are free")
weights = {"beta": beta, "bits": bits}
objective = objectives.Objective("free_bits", "free bits", "", free_bits, weights)
formula = "E_q[log p(x|z)] − β max(KL(q(z|x) ‖ p(z)), bits)"  # in reports; optional
objectives.register(objective._replace(notation=formula))


# A prior: a family with log-density and sample of one z [D] (`decomp.distributions` has
# some), parameters, and a function of which `help(priors.Prior)` says what it is given.
family = SimpleNamespace(
    log_prob=lambda p, z: jnp.sum(-z / p - 2 * jax.nn.softplus(-z / p) - jnp.log(p)),
    sample=lambda key, p: p * jax.random.logistic(key, p.shape),
)


def scales(params, options, traced, encode):
    return jnp.full(options.latents, traced.parameters["std"] * (3**0.5 / np.pi))


std = base.Parameter("σ", 1.0, "standard deviation of each latent", base.POSITIVE)
prior = priors.Prior("logistic", "logistic", "", family, scales, fields={"std": std})
priors.register(prior._replace(factorised=True))


# A divergence: D(q(z), p(z)) of a minibatch, from draws `batch.z` [B, D] of q(z) and
# the other fields of `estimates.Minibatch`. This is the squared distance of the means.
def of_means(key, batch):
    drawn = estimates.draws(key, batch)
    return jnp.sum((batch.z.mean(axis=0) - drawn.mean(axis=0)) ** 2)


divergences.register(divergences.Divergence("means", "distance of means", "", of_means))


# A network: two Flax modules, x [B, X] to a Gaussian over z [B, D], and z to logits.
class Encoder(nn.Module):
    latents: int

    @nn.compact
    def __call__(self, x):
        loc, scale = jnp.split(nn.Dense(2 * self.latents)(x), 2, axis=-1)
        return Gaussian(loc, 1e-3 + nn.softplus(scale))


def linear(model, common):
    return Encoder(common.latents), nn.Dense(common.outputs)


networks.register(networks.Network("linear", "linear maps", "", linear))


# A metric: maps codes [N, D], classes [N, F] and the numbers of classes to a number.
def correlation(codes, classes, sizes):
    table = jnp.corrcoef(codes.T, classes.T.astype(codes.dtype))
    return jnp.abs(table[: codes.shape[1], codes.shape[1] :]).max(axis=0).mean()


meaning = "mean over factors of the largest |correlation| with a latent"
metrics.register(metrics.Metric("correlation", "correlation", meaning, correlation))


def get_config(arg: str = "") -> ConfigDict:
    config = base.get_config()
    config.title = "Your own"
    config.data.name, config.model.network = "squares", "linear"
    config.prior.name, config.model.latents = ("logistic",), 3
    config.objective.name = ("free_bits", "alpha_beta")
    config.objective.divergence, config.objective.alpha = ("means",), (1.0,)
    config.objective.bits = (0.0, 8.0)
    config.seeds, config.train.steps, config.train.learning_rate = 10, 2_000, 1e-2
    config.evaluate.metrics = ("mig", "correlation")
    config.figures = ("reconstruction_vs_score", "traversals")
    config.figure_line, config.figure_label = "objective", "bits"
    config.figure_score = ("kim_mnih_pruned", "correlation")
    short = {"seeds": 2, "train": {"steps": 4, "records": 2}}
    return base.finish(config, arg, {"smoke": lambda config: config.update(short)})
