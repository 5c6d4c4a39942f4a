"""Divergences D(q(z), p(z)) between the aggregate posterior and the prior."""

__all__ = [
    "adversarial",
    "density",
    "estimates",
    "kl_aggregate_prior",
    "kl_prior_aggregate",
    "mmd",
    "moments",
    "quadrature",
    "sliced_wasserstein",
]
