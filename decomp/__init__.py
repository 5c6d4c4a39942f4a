"""Decomposition in variational auto-encoders: pure functions over JAX arrays.

Import the module you need; the path is the name: `from decomp import losses`,
`from decomp.distributions import gaussian`, `from decomp.metrics import kim_mnih`.

Letters in shapes: `N` data points, `B` points of a minibatch, `S` samples,
`D` latent dimensions, `F` ground-truth factors, `K` mixture components or bins,
`X` the pixels (or coordinates) of one example.

Names read like the mathematics: `log_qz_x` is log q(z|x), `log_qz` is log q(z) of the
aggregate posterior q(z) = (1/N) Σ_n q(z|x_n), `log_pz` is log p(z) and `log_px_z` is
log p(x|z). Every logarithm is natural: all values are in nats, summed over an example's
dimensions and never averaged over them.
"""
