"""A pinwheel of few points, for tests of any prior, objective and divergence."""

from configs import pinwheel
from experiments.config import settings

POINTS = 24


def config_of(prior, name, divergence):
    """A small pinwheel with the given prior, objective and divergence."""
    config = pinwheel.get_config("smoke")
    with config.unlocked():
        config.data.points = POINTS
        config.train.batch_size = POINTS // 2
        config.model.hidden = (6,)
        config.critic.hidden = (5,)
        config.prior.name = (prior,)
        config.prior.df = (5.0,)
        config.prior.groups = (2,)
        config.prior.top = 1
        config.prior.components = 3
        config.objective.name = (name,)
        config.objective.divergence = (divergence,)
        config.objective.sweep = "product"
        config.objective.alpha = (0.5,)
        config.objective.beta = (2.0,)
        config.objective.gamma = (3.0,)
        config.objective["lambda"] = (3.0,)
        config.objective.lambda_od, config.objective.lambda_d = (0.5,), (3.0,)
        config.objective.groups = (1, 1)
    return config


def validate(prior, name, divergence):
    """The validated config with its programs, or the text of its refusal."""
    try:
        return settings.validate(config_of(prior, name, divergence))
    except ValueError as refusal:
        return str(refusal)
