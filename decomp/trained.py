"""Trained VAEs of one architecture, as an object with the methods of a VAE.

`decomp.fit` returns one. Its arrays, and the results of its methods, have a leading
axis `[R]` with one entry per run; `vaes[3]` is a single run, which lacks this axis.

    vaes.encode(x)         q(z|x), leaves [R, N, D]
    vaes[3].encode(x)      leaves [N, D]
    vaes.weights["beta"]   [R]
"""

import dataclasses
import enum
import functools
import importlib
import json
import math
import pathlib
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from decomp import distributions, numerics, runs
from decomp.distributions import bernoulli
from decomp.distributions.bernoulli import Bernoulli
from decomp.distributions.gaussian import Gaussian

LIKELIHOODS = ("bernoulli", "gaussian")
BLOCK = 1024  # rows that a network computes at once
_BAD_FILE = (ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
_FORMAT = 1  # version of the files
# The networks that a file describes by name and fields.
_NETWORKS = {
    "DenseEncoder": "decomp.networks.dense",
    "GaussianDecoder": "decomp.networks.dense",
    "BernoulliDecoder": "decomp.networks.dense",
    "ConvEncoder": "decomp.networks.conv_vae",
    "ConvDecoder": "decomp.networks.conv_vae",
    "SharedScale": "decomp.networks.shared_scale",
}


def start(network: Any, key: jax.Array, rows: jax.Array) -> Any:
    """Initial parameters of a network: a Flax module, or a pair (init, apply)."""
    if isinstance(network, tuple):
        return network[0](key, rows)
    variables = network.init(key, rows)
    if set(variables) - {"params"}:
        more = ", ".join(sorted(set(variables) - {"params"}))
        raise ValueError(
            "a network may only have parameters, no other collections of Flax; got "
            f"{more} of {type(network).__name__}."
        )
    return variables["params"]


def apply(network: Any, params: Any, rows: jax.Array) -> Any:
    """The outputs of a network for a batch of rows."""
    if isinstance(network, tuple):
        return network[1](params, rows)
    return network.apply({"params": params}, rows)


def likelihood_of(decoded: Any) -> Gaussian | Bernoulli:
    """p(x|z) from the output of a decoder: a Gaussian, or the logits of a Bernoulli."""
    return decoded if isinstance(decoded, Gaussian) else Bernoulli(decoded)


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=("seed", "params", "prior", "weights", "curves", "diverged"),
    meta_fields=("encoder", "decoder", "shape", "latents", "sample_prior"),
)
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TrainedVAE:
    """Trained VAEs; the leaves of a single one have no axis `[R]`.

    Index it by a number, a slice, an array of numbers or a mask, such as
    `vaes[vaes.weights["beta"] == 4]`. It is a tree of arrays, so that `jax.jit` and
    `jax.vmap` take it; under `vmap` it is one run.
    """

    seed: Any  # [R]
    params: dict[str, Any]  # "encoder" and "decoder", leaves [R, ...]
    prior: Any  # p(z), a distribution with leaves [R, ...]
    encoder: Any  # a Flax module or a pair (init, apply), x [B, X] to a Gaussian
    decoder: Any  # likewise, z [B, D] to logits [B, X] or to a Gaussian
    shape: tuple[int, ...]  # shape of one x
    latents: int  # number of latents D
    weights: dict[str, Any] = dataclasses.field(default_factory=dict)  # name to [R]
    # Training curves by name [R, records]: step, and the means since the last record
    # of loss, reconstruction, kl and divergence, in nats.
    curves: dict[str, Any] = dataclasses.field(default_factory=dict)
    diverged: Any = None  # [R] the step at which a run diverged, or −1
    # Maps a key and p(z) to one z; None if the module that defines p(z) does.
    sample_prior: Callable[..., jax.Array] | None = None

    def __getitem__(self, index: Any) -> "TrainedVAE":
        """One run, or some of them."""
        if not np.ndim(self.seed):
            raise TypeError("a single trained VAE has no runs to index.")
        if isinstance(index, int | np.integer) and not -len(self) <= index < len(self):
            raise IndexError(
                f"the index of a run must be from 0 to {len(self) - 1}; got {index}."
            )
        try:
            chosen = np.arange(len(self))[index]
        except IndexError:
            chosen = None
        is_number = isinstance(index, bool | np.bool_)  # for NumPy, a mask of no axes
        if chosen is None or chosen.ndim > 1 or is_number:
            text = f"shape {list(np.shape(index))}" if np.ndim(index) else repr(index)
            raise IndexError(
                "the index of runs must be a number, a slice, an array of numbers or a "
                f"mask [{len(self)}]; got {text[:100]}."
            )
        return jax.tree.map(lambda leaf: leaf[index], self)

    def __len__(self) -> int:
        """The number of runs."""
        if not np.ndim(self.seed):
            raise TypeError("a single trained VAE has no length.")
        return len(self.seed)

    def __repr__(self) -> str:
        """The number of runs and the shapes of the model."""
        count = f"{len(self)} runs, " if np.ndim(self.seed) else ""
        size = "×".join(map(str, self.shape))
        swept = ", ".join(f"{k}={np.unique(v)}" for k, v in self.weights.items())
        return f"TrainedVAE({count}x {size}, {self.latents} latents, {swept})"

    @property
    def elbo(self) -> np.ndarray:
        """The mean evidence bound over the last record, in nats, `[R]`.

        It is −∞ for a run that diverged, so that such a run is never the best.
        """
        last = [self.curves[name][..., -1] for name in ("reconstruction", "kl")]
        diverged = self.diverged is not None and np.asarray(self.diverged) >= 0
        return np.where(diverged, -np.inf, -np.asarray(last[0] + last[1]))

    def encode(self, x: Any) -> Gaussian:
        """q(z|x) of x `[N, *shape]`, or rows `[N, X]`: leaves `[N, D]`."""
        return _blocks(_encode, self, self._rows(x))

    def codes(self, x: Any) -> jax.Array:
        """The posterior means of x `[N, *shape]`: `[N, D]`."""
        return self.encode(x).loc

    def decode(self, z: Any) -> jax.Array:
        """The means of p(x|z) for z `[N, D]`, or `[R, N, D]`: `[N, *shape]`."""
        (z,) = numerics.floats(z)
        several = np.ndim(self.seed) and z.ndim == 3
        if z.ndim != 2 + several or z.shape[-1] != self.latents:
            raise ValueError(
                f"z must have the shape [N, {self.latents}], or one such array per "
                f"run; got {list(z.shape)}."
            )
        if several and len(z) != len(self):
            raise ValueError(
                f"z must have an entry for each of {len(self)} runs; got {len(z)}."
            )
        means = _blocks(_decode, self, z)
        return means.reshape(*means.shape[:-1], *self.shape)

    def reconstruct(self, x: Any) -> jax.Array:
        """The means of p(x|z) at the posterior means of x: `[N, *shape]`."""
        return self.decode(self.codes(x))

    def sample(self, key: jax.Array, n: int) -> jax.Array:
        """The means of p(x|z) at n draws of p(z): `[n, *shape]`.

        Raises:
            TypeError: For a p(z) of a sweep that is not a distribution of a module, if
                it was loaded from a file, which does not hold its function.
        """
        if not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"n must be a whole number of at least 1; got {n!r}.")
        sample = self.sample_prior or distributions.family(self.prior).sample
        keys = jax.random.split(key, n)

        def draw(prior: Any) -> jax.Array:
            return jax.vmap(lambda key: sample(key, prior))(keys)

        several = np.ndim(self.seed)
        return self.decode(jax.vmap(draw)(self.prior) if several else draw(self.prior))

    def traverse(self, x: Any, latent: int, values: Any) -> jax.Array:
        """Decodes the code of one x `[*shape]`, with one latent set to given values.

        Args:
            x: One example, without an axis of examples.
            latent: Index of the latent, from 0 to D − 1.
            values: Values of the latent `[V]`.

        Returns:
            Means of p(x|z), `[V, *shape]`.
        """
        whole = hasattr(latent, "__index__") and not isinstance(latent, bool | np.bool_)
        if not whole or latent not in range(self.latents):
            raise ValueError(
                f"latent must be from 0 to {self.latents - 1}; got {latent}."
            )
        x, values = numerics.floats(x, values)
        if x.shape not in (self.shape, (math.prod(self.shape),)):
            raise ValueError(
                f"x must be one example of shape {list(self.shape)}; got "
                f"{list(x.shape)}."
            )
        if values.ndim != 1 or not len(values):
            raise ValueError(
                f"values must have the shape [V], V ≥ 1; got {list(values.shape)}."
            )
        code = self.codes(x[None])
        z = jnp.repeat(code, len(values), axis=-2)
        return self.decode(z.at[..., latent].set(values))

    def save(self, path: Any) -> None:
        """Writes everything to one .npz file, which `decomp.load` reads.

        Networks of `decomp.networks` are written by name and fields. Other networks
        are not written; pass them to `load`.
        """
        header = {
            "format": _FORMAT,
            "shape": self.shape,
            "latents": self.latents,
            "encoder": _described(self.encoder),
            "decoder": _described(self.decoder),
            "prior": _outline(self.prior),
        }
        values = {
            "prior": jax.tree.leaves(self.prior),
            "params": self.params,
            "weights": self.weights,
            "curves": self.curves,
            "seed": self.seed,
            "diverged": self.diverged,
        }
        arrays: dict[str, Any] = {
            _name(place): np.asarray(leaf)
            for place, leaf in jax.tree_util.tree_flatten_with_path(values)[0]
        }
        with pathlib.Path(path).open("wb") as file:
            np.savez(file, header=json.dumps(header), **arrays)

    def _rows(self, x: Any) -> jax.Array:
        (x,) = numerics.floats(x)
        width = math.prod(self.shape)
        if x.shape[1:] not in (self.shape, (width,)) or not len(x):
            expected = ", ".join(map(str, self.shape))
            raise ValueError(
                f"x must have the shape [N, {expected}], N ≥ 1; got {list(x.shape)}."
            )
        return x.reshape(len(x), width)


def load(path: Any, *, encoder: Any = None, decoder: Any = None) -> TrainedVAE:
    """Reads a file of `TrainedVAE.save`.

    Args:
        path: Path of the .npz file.
        encoder: The encoder, if it is not a network of `decomp.networks`.
        decoder: The decoder, likewise.

    Raises:
        ValueError: One line, for a file of another kind, a missing network, or a
            network whose parameters differ from those in the file.
    """
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = dict(file)
    except _BAD_FILE:
        arrays = {}
    if "header" not in arrays:
        raise ValueError(f"{path} is not a file of TrainedVAE.save: it has no header.")
    header = json.loads(str(arrays.pop("header")))
    if header["format"] != _FORMAT:
        raise ValueError(
            f"{path} must have the format {_FORMAT}; got {header['format']}."
        )
    encoder = encoder or _rebuilt(path, "encoder", header)
    decoder = decoder or _rebuilt(path, "decoder", header)
    latents, shape = header["latents"], tuple(header["shape"])
    x, z = jnp.zeros((1, math.prod(shape))), jnp.zeros((1, latents))
    leaves = iter([arrays[f"prior/{i}"] for i in range(_count(arrays, "prior/"))])
    return TrainedVAE(
        seed=arrays["seed"],
        params={
            "encoder": _params(path, "encoder", arrays, encoder, x),
            "decoder": _params(path, "decoder", arrays, decoder, z),
        },
        prior=_filled(header["prior"], leaves),
        encoder=encoder,
        decoder=decoder,
        shape=shape,
        latents=latents,
        weights=_named(arrays, "weights/"),
        curves=_named(arrays, "curves/"),
        diverged=arrays.get("diverged"),
    )


# ----------------------------------------------------------------- methods of one run


def _encode(vae: TrainedVAE, rows: jax.Array) -> Gaussian:
    return Gaussian(*apply(vae.encoder, vae.params["encoder"], rows))


def _decode(vae: TrainedVAE, z: jax.Array) -> jax.Array:
    p = likelihood_of(apply(vae.decoder, vae.params["decoder"], z))
    return p.loc if isinstance(p, Gaussian) else bernoulli.mean(p)


@functools.partial(jax.jit, static_argnums=0)
def _call(verb: Callable[..., Any], vae: TrainedVAE, rows: jax.Array) -> Any:
    """Calls a method for one run or all; `rows` may have an axis of runs, too."""
    if not jnp.ndim(vae.seed):
        return verb(vae, rows)
    each = rows.ndim == 3
    if runs.is_vmapped("auto", jax.default_backend()):
        return jax.vmap(verb, (0, 0 if each else None))(vae, rows)
    if each:
        return jax.lax.map(lambda pair: verb(*pair), (vae, rows))
    return jax.lax.map(lambda vae: verb(vae, rows), vae)


def _blocks(verb: Callable[..., Any], vae: TrainedVAE, rows: jax.Array) -> Any:
    """Calls a method on blocks of rows of one size, so that it compiles once."""
    vae = dataclasses.replace(vae, weights={}, curves={}, diverged=None)
    count = rows.shape[-2]
    size = min(BLOCK, 1 << (count - 1).bit_length())
    spare = [(0, 0)] * (rows.ndim - 2) + [(0, -count % size), (0, 0)]
    padded = jnp.pad(rows, spare)
    blocks = [
        _call(verb, vae, padded[..., i : i + size, :]) for i in range(0, count, size)
    ]
    return jax.tree.map(
        lambda *leaves: jnp.concatenate(leaves, axis=-2)[..., :count, :], *blocks
    )


# ------------------------------------------------------------------------------ files


def _described(network: Any) -> dict[str, Any] | None:
    """Name and fields of a network of `decomp.networks`; None for others."""
    name = type(network).__name__
    if type(network).__module__ != _NETWORKS.get(name):
        return None
    fields = {
        field.name: getattr(network, field.name)
        for field in dataclasses.fields(network)
        if field.name not in ("parent", "name")
    }
    if "decoder" in fields:
        fields["decoder"] = _described(fields["decoder"])
    precision = fields.get("precision")
    if isinstance(precision, enum.Enum):
        fields["precision"] = {type(precision).__name__: precision.name}
    try:
        return json.loads(json.dumps({"name": name, "fields": fields}))
    except TypeError:  # a field is not a number, a string or a list
        return None


def _rebuilt(path: Any, part: str, header: dict[str, Any]) -> Any:
    described = header[part]
    if described is None:
        raise ValueError(
            f"{path} does not describe its {part}, which is not of decomp.networks; "
            f"call load(path, {part}=...)."
        )
    return _network(described)


def _network(described: dict[str, Any]) -> Any:
    name = described["name"]
    if name not in _NETWORKS:
        raise ValueError(
            f"a network must be one of {', '.join(_NETWORKS)}; got {name}."
        )
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in described["fields"].items()
    }
    if "decoder" in fields:
        fields["decoder"] = _network(fields["decoder"])
    if isinstance(fields.get("precision"), dict):
        ((kind, preset),) = fields["precision"].items()
        kinds = {k.__name__: k for k in (jax.lax.Precision, jax.lax.DotAlgorithmPreset)}
        fields["precision"] = kinds[kind][preset]
    return getattr(importlib.import_module(_NETWORKS[name]), name)(**fields)


def _params(
    path: Any, part: str, arrays: dict[str, Any], network: Any, rows: jax.Array
) -> Any:
    """The parameters of a network, in the tree that it expects."""
    template = jax.eval_shape(lambda key: start(network, key, rows), jax.random.key(0))
    places, tree = jax.tree_util.tree_flatten_with_path(template)
    prefix, lead = f"params/{part}", arrays["seed"].shape
    names = [
        "/".join([prefix, *filter(None, [_name(place)])]) for place, leaf in places
    ]
    shapes = {
        name: lead + leaf.shape for name, (_, leaf) in zip(names, places, strict=True)
    }
    stored = {n: a.shape for n, a in arrays.items() if n == prefix or _in(n, prefix)}
    if stored != shapes:
        other = min(set(stored.items()) ^ set(shapes.items()))
        raise ValueError(
            f"{path} has the parameters of another {part}, which differ in {other[0]}."
        )
    return jax.tree.unflatten(tree, [arrays[name] for name in names])


def _name(place: Any) -> str:
    return jax.tree_util.keystr(place, simple=True, separator="/")


def _in(name: str, prefix: str) -> bool:
    return name.startswith(f"{prefix}/")


def _named(arrays: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _count(arrays: dict[str, Any], prefix: str) -> int:
    return len(_named(arrays, prefix))


def _outline(p: Any) -> Any:
    """The types of a distribution, and None for an array."""
    if not isinstance(p, tuple):
        return None
    if not hasattr(p, "_fields"):
        return [[], [_outline(part) for part in p]]
    name = [type(p).__module__, type(p).__name__]
    _check_prior(name[0])
    return [name, [_outline(part) for part in p]]


def _filled(outline: Any, leaves: Any) -> Any:
    """The distribution of an outline, with its arrays filled in."""
    if outline is None:
        return next(leaves)
    name, parts = outline
    filled = [_filled(part, leaves) for part in parts]
    if not name:
        return tuple(filled)
    module, kind = name
    _check_prior(module)
    return getattr(importlib.import_module(module), kind)(*filled)


def _check_prior(module: str) -> None:
    if not module.startswith("decomp.distributions."):
        raise ValueError(
            f"a prior in a file must be of decomp.distributions; got one of {module}."
        )
