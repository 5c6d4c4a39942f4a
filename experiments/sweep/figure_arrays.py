"""The arrays that figures show, of one run per setting."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from decomp import aggregate
from decomp.distributions.gaussian import Gaussian
from decomp.metrics import kim_mnih
from experiments.data.arrays import Dataset
from experiments.models import autoencoder, priors
from experiments.models.autoencoder import VAE, Hyperparameters, Params
from experiments.results import run_tables
from experiments.sweep.layout import Sweep

_GRID = np.linspace(-2, 2, 300, dtype=np.float32)  # as in the authors' Figure 2
_STEPS = np.linspace(-2, 2, 9, dtype=np.float32)
_IMAGES = 8  # images that are reconstructed, evenly spaced over the factors
_POINTS = 4096  # points that define q(z)


def median_runs(
    setting: np.ndarray, loss: np.ndarray, ok: np.ndarray, num_settings: int
) -> np.ndarray:
    """Chooses, for each setting, the finished run with the median loss.

    Args:
        setting: Setting of each run, an index `[R]`.
        loss: Final loss of each run `[R]`.
        ok: Whether each run finished `[R]`.
        num_settings: Number of settings.

    Returns:
        Index of a run per setting; −1 if all diverged.
    """
    medians = np.full(num_settings, -1)
    for index in range(num_settings):
        candidates = np.flatnonzero((setting == index) & ok)
        if len(candidates):
            order = candidates[np.argsort(loss[candidates], kind="stable")]
            medians[index] = order[(len(order) - 1) // 2]
    return medians


def draw(sweeps: Sequence[Sweep]) -> dict[str, np.ndarray]:
    """Arrays for the figures, of the run with the median loss of each setting.

    If programs differ in latents or in the size of images, the smaller arrays are
    padded with white, and `latents` `[settings]` has their numbers of rows.
    """
    tables = run_tables.finished(sweeps[0].workdir)
    ok = (tables["diverged"] < 0) & np.isfinite(tables["scores/loss"])
    count = sum(len(sweep.settings.objective) for sweep in sweeps)
    medians = median_runs(tables["setting"], tables["scores/loss"], ok, count)
    drawn = [arrays for sweep in sweeps for arrays in _settings(sweep, tables, medians)]
    whole = _stacked(drawn)
    widths = [s.vae.latents for s in sweeps for _ in range(len(s.settings.objective))]
    if len(set(widths)) > 1:
        whole["latents"] = np.asarray(widths)
    numbers = [-1 if place < 0 else tables["number"][place] for place in medians]
    name = "picture_run" if sweeps[0].vae.shape else "density_run"
    return whole | shared(sweeps[0].data) | {name: np.asarray(numbers)}


def _settings(
    sweep: Sweep, tables: dict[str, np.ndarray], medians: np.ndarray
) -> Iterator[dict[str, np.ndarray]]:
    """The arrays of each setting of a program."""
    scored = sweep.scored
    spaced = np.linspace(0, len(scored.points) - 1, min(len(scored.points), _POINTS))
    points, factors = (
        jnp.asarray(table[spaced.round().astype(int)])
        for table in (scored.points, scored.factors.astype(np.int32))
    )
    picture = of_run(sweep.vae)
    for row in range(len(sweep.settings.objective)):
        own = tables["setting"] == sweep.first + row
        lost = medians[sweep.first + row] < 0
        position = np.argmax(own) if lost else medians[sweep.first + row]
        place = int(tables["block"][position]), int(tables["index"][position])
        params = run_tables.read_params(sweep.workdir, *place)
        setting = jax.tree.map(lambda leaf, row=row: leaf[row], sweep.settings)
        arrays = jax.device_get(picture(params, setting, points, factors))
        yield jax.tree.map(_blank, arrays) if lost else arrays


def _stacked(drawn: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of all settings, padded to the largest, `[settings, ...]`."""
    whole = {}
    for name in dict.fromkeys(name for arrays in drawn for name in arrays):
        leaves = [np.asarray(arrays[name]) for arrays in drawn if name in arrays]
        dims = max(leaf.ndim for leaf in leaves)
        shape = np.max([leaf.shape for leaf in leaves if leaf.ndim == dims], axis=0)
        for leaf in leaves:  # grey images may lack the axis of channels
            shape[: leaf.ndim] = np.maximum(shape[: leaf.ndim], leaf.shape)
        kind = leaves[0].dtype
        fill = {"f": np.nan, "u": 255}.get(kind.kind, 0)
        whole[name] = np.full((len(drawn), *shape), fill, kind)
        for row, arrays in enumerate(drawn):
            if name not in arrays:
                continue
            leaf = np.asarray(arrays[name])
            if leaf.ndim < dims:
                leaf = np.repeat(leaf[..., None], shape[-1], axis=-1)
            if name == "order":  # rows of the padding come last
                whole[name][row] = np.arange(shape[0])
            whole[name][(row, *map(slice, leaf.shape))] = leaf
    return whole


def _blank(leaf: np.ndarray) -> np.ndarray:
    """The array instead of a picture if every run of a setting diverged."""
    return np.full_like(leaf, np.nan if leaf.dtype.kind == "f" else 0)


def of_run(vae: VAE) -> Callable[..., dict[str, jax.Array]]:
    """Returns `pictures(params, setting, points, factors)` of one run."""
    draw = _images if vae.shape else _plane
    return jax.jit(functools.partial(draw, vae))


def shared(data: Dataset) -> dict[str, Any]:
    """The arrays that all settings share."""
    if not data.shape:
        return {"density_grid": _GRID, "points": data.points}
    names = {"class_names": np.asarray(data.class_names)} if data.class_names else {}
    return {"traversal_values": _STEPS} | names


def _plane(
    vae: VAE,
    params: Params,
    setting: Hyperparameters,
    points: jax.Array,
    factors: jax.Array,
) -> dict[str, jax.Array]:
    """The densities of q(z) and p(z) on the grid, `[y, x]`."""
    del factors
    q = autoencoder.encode(vae, params, autoencoder.data_values(vae, points))
    cells, shape = _cells(), (len(_GRID), len(_GRID))
    p = autoencoder.prior(vae, params, setting)
    log_pz = jax.vmap(priors.log_prob(vae.prior, p))(cells)
    log_qz = aggregate.log_prob_many(q, cells)
    return {
        "density": jnp.exp(log_qz).reshape(shape),
        "prior_density": jnp.exp(log_pz).reshape(shape),
    }


def _images(
    vae: VAE,
    params: Params,
    setting: Hyperparameters,
    points: jax.Array,
    factors: jax.Array,
) -> dict[str, jax.Array]:
    """Reconstructions of a few images, and traversals of each latent of one image.

    Steps are in standard deviations of the aggregate posterior q(z_d).
    """
    del setting
    x = autoencoder.data_values(vae, points)
    q = autoencoder.encode(vae, params, x)
    _, spread = moments(q)
    places = jnp.linspace(0, len(x) - 1, _IMAGES).round().astype(jnp.int32)
    base = q.loc[places[_IMAGES // 2]]
    extra = {}
    if len(vae.factor_sizes) == 1:
        classes = vae.factor_sizes[0]
        extra["class_magnitude"] = _class_magnitude(q.loc, factors[:, 0], classes)
    share = jnp.var(q.loc, axis=0) / spread**2
    return extra | {
        "traversals": traversals(vae, params, positions(q, _STEPS), base),
        "originals": shades(vae, x[places]),
        "reconstructions": decoded(vae, params, q.loc[places]),
        "active": kim_mnih.active_dimensions(q.loc, q.scale),
        "order": jnp.argsort(-share),
    }


def moments(q: Gaussian) -> tuple[jax.Array, jax.Array]:
    """Mean and standard deviation of each q(z_d), `[D]`; q has leaves `[N, D]`."""
    variance = jnp.var(q.loc, axis=0) + jnp.mean(q.scale**2, axis=0)
    return jnp.mean(q.loc, axis=0), jnp.sqrt(variance)


def positions(q: Gaussian, steps: jax.Array | np.ndarray) -> jax.Array:
    """Values of each latent, `steps` standard deviations from its mean, `[D, T]`."""
    centre, spread = moments(q)
    return centre[:, None] + jnp.asarray(steps)[None, :] * spread[:, None]


def traversals(
    vae: VAE, params: Params, values: jax.Array, base: jax.Array
) -> jax.Array:
    """Decodes `base` `[D]` with one latent at a time set to `values` `[D, T]`.

    Returns:
        Levels `[D, T, H, W]`, or `[D, T, H, W, 3]` in colour, uint8.
    """
    own = jnp.eye(vae.latents, dtype=bool)[:, None, :]
    z = jnp.where(own, values[:, :, None], base[None, None])  # [D, T, D]
    flat = decoded(vae, params, z.reshape(-1, vae.latents))
    return flat.reshape(*values.shape, *flat.shape[1:])


def decoded(vae: VAE, params: Params, z: jax.Array) -> jax.Array:
    """Means of p(x|z) for latents `[B, D]` as levels, see `shades`."""
    return shades(vae, autoencoder.mean(vae, params, z))


def shades(vae: VAE, x: jax.Array) -> jax.Array:
    """Images x `[B, X]` as levels `[B, H, W]`, or `[B, H, W, 3]` in colour, uint8.

    Values outside [0, 1] are clipped.
    """
    height, width, channels = vae.shape
    colours = (channels,) if channels > 1 else ()
    levels = jnp.round(255 * jnp.clip(x, 0, 1)).astype(jnp.uint8)
    return levels.reshape(-1, height, width, *colours)


def _class_magnitude(codes: jax.Array, labels: jax.Array, classes: int) -> jax.Array:
    """Mean absolute value of each latent over the points of each class, `[C, D]`."""
    member = jax.nn.one_hot(labels, classes)  # [N, C]
    counts = jnp.maximum(jnp.sum(member, axis=0), 1)
    return (member.T @ jnp.abs(codes)) / counts[:, None]


def _cells() -> jax.Array:
    """The cells of the density grid `[G², 2]`, row by row from the lowest y."""
    x, y = jnp.meshgrid(jnp.asarray(_GRID), jnp.asarray(_GRID))
    return jnp.stack([x.ravel(), y.ravel()], axis=1)
