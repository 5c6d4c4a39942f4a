"""Divergences D(q(z), p(z)) between the aggregate posterior and the prior."""
