"""Families of distributions: one file each, functions over NamedTuple parameters.

A file holds the parameters of *one* distribution with `log_prob`, `sample` and, where
they have closed forms, `entropy`, `kl`, `mean` and `covariance`. All axes of a
parameter are event axes; a batch is the same NamedTuple with a leading axis on every
leaf, under `jax.vmap`.
"""
