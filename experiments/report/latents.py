"""The explorer's data of one run: its latents, their decoded images, and q(z)."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.figure
import numpy as np

from decomp import aggregate
from decomp.distributions.gaussian import Gaussian
from decomp.metrics import kim_mnih, mig
from experiments.models import autoencoder, priors
from experiments.models.autoencoder import VAE, Hyperparameters, Params
from experiments.report import markup
from experiments.sweep import figure_arrays, trained
from experiments.sweep.layout import Sweep

_STEPS = np.linspace(-2.5, 2.5, 11, dtype=np.float32)  # standard deviations of q(z_d)
_BASES = (1 / 6, 1 / 2, 5 / 6)  # positions in the data: a square, an ellipse, a heart
_BINS = 48  # bins of the histograms
_DRAWS = 100_000  # draws of the prior, for its marginals
_TAILS = (0.01, 0.99)  # quantiles of the prior that the axes include at least
_LATTICE = 33  # positions of each latent of the plane
_CELLS = 161  # cells per side of the picture of q(z)
_LEVELS = (0.05, 0.5)  # contours, as shares of the prior's peak
_INK = (37, 99, 235)  # colour of q(z), on a light and a dark page


def shared(work: Sweep) -> dict[str, Any]:
    """The data that runs share: the base images, or the points of the plane."""
    vae, points = work.vae, work.data.points
    if vae.shape:
        x = autoencoder.data_values(vae, jnp.asarray(points[_bases(len(points))]))
        return {
            "size": vae.shape[:2],
            "steps": len(_STEPS),
            "originals": markup.picture(_side_by_side(figure_arrays.shades(vae, x))),
        }
    arms = work.data.factors[:, 0].tolist()
    return {"size": [], "steps": _LATTICE, "data": rounded(points, 3), "arms": arms}


def of_run(work: Sweep, params: Params, setting: Hyperparameters) -> dict[str, Any]:
    """The latents of a run and its images.

    Returns:
        Values for JSON: `limit` of the axes; `order` of the latents by information; for
        each latent `active`, `sigma` (mean scale of q(z_d|x)), `spread` (of the means),
        the histograms `means` and `prior` in percent, and `information` `[D, F]` as a
        share of the factor's entropy; and the images of `_images` or `_plane`.
    """
    q = trained.encode(work, params)
    numbers, draws = jax.device_get(
        _numbers(work.vae)(params, setting, q, work.data.factors)
    )
    codes = np.asarray(q.loc)
    ends = [np.quantile(codes, (0.001, 0.999)), np.quantile(draws, _TAILS)]
    limit = float(f"{1.05 * np.max(np.abs(ends)):.2g}")
    draw = _images if work.vae.shape else _plane
    return {
        "limit": limit,
        **{name: rounded(array, 3) for name, array in numbers.items()},
        "means": _histograms(codes, limit),
        "prior": _histograms(draws, limit),
    } | draw(work, params, setting, q, limit)


@functools.cache
def _numbers(vae: VAE) -> Callable[..., Any]:
    """Statistics of each latent, and draws of the prior; compiled once per sweep."""

    def numbers(
        params: Params, setting: Hyperparameters, q: Gaussian, factors: jax.Array
    ) -> tuple[dict[str, jax.Array], jax.Array]:
        p = autoencoder.prior(vae, params, setting)
        draws = priors.samples(jax.random.key(0), vae.prior, p, _DRAWS)
        share = jnp.var(q.loc, axis=0) / figure_arrays.moments(q)[1] ** 2
        values = {
            "order": jnp.argsort(-share),
            "active": kim_mnih.active_dimensions(q.loc, q.scale),
            "sigma": jnp.mean(q.scale, axis=0),
            "spread": jnp.std(q.loc, axis=0),
            "information": _information(q.loc, factors, vae.factor_sizes),
        }
        return values, draws

    return jax.jit(numbers)


def _information(
    codes: jax.Array, factors: jax.Array, sizes: tuple[int, ...]
) -> jax.Array:
    """I(z_d; v_f) as a share of the entropy of v_f, `[D, F]`; F may be 0."""
    if not sizes:
        return jnp.zeros((codes.shape[1], 0))
    gap = mig.score(codes, factors, sizes=sizes)
    return gap.information / jnp.maximum(gap.entropy, 1e-12)[None]


def _images(
    work: Sweep, params: Params, setting: Hyperparameters, q: Gaussian, limit: float
) -> dict[str, Any]:
    """A sheet per base image: a row per latent, then the image and its decoding."""
    del setting, limit
    bases = q.loc[jnp.asarray(_bases(len(q.loc)))]
    values = figure_arrays.positions(q, _STEPS)
    x = autoencoder.data_values(
        work.vae, jnp.asarray(work.data.points[_bases(len(q.loc))])
    )
    originals = np.asarray(figure_arrays.shades(work.vae, x))
    decoded = np.asarray(figure_arrays.decoded(work.vae, params, bases))
    traverse = _traverse(work.vae)
    sheets = []
    for base, *pair in zip(bases, originals, decoded, strict=True):
        rows = [_side_by_side(row) for row in traverse(params, values, base)]
        last = np.zeros_like(rows[0])
        last[:, : 2 * work.vae.shape[1]] = _side_by_side(pair)
        sheets.append(markup.picture(np.concatenate([*rows, last])))
    return {
        "values": rounded(values, 2),
        "bases": rounded(bases, 2),
        "sheets": sheets,
    }


@functools.cache
def _traverse(vae: VAE) -> Callable[..., jax.Array]:
    return jax.jit(functools.partial(figure_arrays.traversals, vae))


def _plane(
    work: Sweep, params: Params, setting: Hyperparameters, q: Gaussian, limit: float
) -> dict[str, Any]:
    """The density of q(z), contours of p(z), the codes, and p(x|z) over a lattice."""
    axis = np.linspace(-limit, limit, _CELLS, dtype=np.float32)
    steps = np.linspace(-limit, limit, _LATTICE, dtype=np.float32)
    density, prior, px = jax.device_get(
        _densities(work.vae)(params, setting, q, axis, steps)
    )
    shade = np.sqrt(np.clip(density / prior.max(), 0, 1))
    return {
        "values": rounded(np.stack([steps, steps]), 3),
        "density": markup.picture(_tinted(shade[::-1])),  # with the highest z_2 on top
        "contours": _contours(axis, prior),
        "codes": rounded(q.loc, 3),
        "decoded": rounded(px.loc, 3),
        "deviation": rounded(px.scale, 2),
    }


@functools.cache
def _densities(vae: VAE) -> Callable[..., Any]:
    """q(z) and p(z) over a grid `[y, x]`, and p(x|z) over a lattice, compiled once."""

    def densities(
        params: Params,
        setting: Hyperparameters,
        q: Gaussian,
        axis: jax.Array,
        steps: jax.Array,
    ) -> tuple[jax.Array, jax.Array, Gaussian]:
        cells = _crossings(axis)
        p = autoencoder.prior(vae, params, setting)
        log_pz = jax.vmap(priors.log_prob(vae.prior, p))(cells)
        log_qz = aggregate.log_prob_many(q, cells)
        shape = (len(axis), len(axis))
        density, prior = (jnp.exp(log).reshape(shape) for log in (log_qz, log_pz))
        return density, prior, autoencoder.decode(vae, params, _crossings(steps))

    return jax.jit(densities)


def _crossings(axis: jax.Array) -> jax.Array:
    """Points of the plane `[G², 2]`, row by row from the lowest y."""
    return jnp.stack(jnp.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


def rounded(array: Any, digits: int) -> list[Any]:
    """An array as nested lists of rounded numbers."""
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return array.astype(int).tolist()
    return np.round(array.astype(float), digits).tolist()


def _bases(count: int) -> np.ndarray:
    """Indices of the base images among `count` images sorted by factors."""
    return (np.array(_BASES) * count).astype(int)


def _side_by_side(tiles: Any) -> np.ndarray:
    return np.concatenate([np.asarray(tile) for tile in tiles], axis=1)


def _histograms(values: np.ndarray, limit: float) -> list[list[float]]:
    """Percent of the values `[N, D]` in each bin of [−limit, limit], per latent."""
    counts = [np.histogram(column, _BINS, (-limit, limit))[0] for column in values.T]
    return rounded(100 * np.stack(counts) / len(values), 1)


def _tinted(shade: np.ndarray) -> np.ndarray:
    """A picture in one colour whose opacity is `shade` `[H, W]`, from 0 to 1."""
    picture = np.empty((*shade.shape, 4), np.uint8)
    picture[..., :3] = _INK
    picture[..., 3] = np.round(225 * shade)
    return picture


def _contours(axis: np.ndarray, prior: np.ndarray) -> list[str]:
    """Contours of the prior at shares of its peak, in its own coordinates."""
    axes = matplotlib.figure.Figure().add_subplot()
    drawn = axes.contour(axis, axis, prior, [part * prior.max() for part in _LEVELS])
    paths = []
    for path in drawn.get_paths():
        lines = path.to_polygons(closed_only=False)
        corners = (" ".join(f"{x:.3g},{y:.3g}" for x, y in line) for line in lines)
        paths.append("".join(f"M{line}" for line in corners))
    return paths
