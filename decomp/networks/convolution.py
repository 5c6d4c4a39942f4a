"""The 4×4 convolution of stride 2 and padding 1, and its transpose, as matrix products.

Layout: batch innermost, `[C, H, W, B]`, which makes every slice, pad and add a copy of
contiguous rows. Each function is slices and one product, so that `jax.vmap` over runs
with a kernel each gives a batched matrix product and never a grouped convolution.

A tap is i = 2a + r: r is the parity of the padded row 2(h + a) + r that it reads or
writes. So is j = 2e + s of the columns, and a kernel `[4, 4, c, o]` is a matrix with
rows (a, e, r, s, c) and columns o. Products are written of two matrices each, and the
barriers keep a kernel in the order that is written: on a CPU a product of 128 rows runs
at 75 GFLOP/s a core where the transposed matrix gives 41, and one over several axes
may copy its large side.

Both functions read one kernel `[4, 4, c, o]`: `conv` takes c channels to o on half the
grid, `conv_transpose` takes o channels back to c on twice the grid, and each is the
other's derivative in its input. Reverse-mode derivatives only.
"""

import chex
import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.dtypes import promote_dtype
from flax.typing import PrecisionLike

from decomp.networks import products
from decomp.networks.initialisers import bias_init, kernel_init

KERNEL = 4


class Conv(nn.Module):
    """`nn.Conv(features, (4, 4), 2, padding=1)` on `[C, H, W, B]`; same parameters."""

    features: int
    initialiser: str = "torch"
    precision: PrecisionLike = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[C, H, W, B]` to `[features, H/2, W/2, B]`."""
        shape = (KERNEL, KERNEL, x.shape[0], self.features)
        x, kernel, bias = _parameters(self, x, shape)
        return conv(x, kernel, self.precision) + bias


class ConvTranspose(nn.Module):
    """`nn.ConvTranspose` on `[C, H, W, B]`; same parameters.

    Equal to `nn.ConvTranspose(features, (4, 4), (2, 2), transpose_kernel=True)` with
    padding "SAME", that is, to PyTorch's ConvTranspose2d(4, stride 2, padding 1).
    """

    features: int
    initialiser: str = "torch"
    precision: PrecisionLike = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[C, H, W, B]` to `[features, 2H, 2W, B]`."""
        shape = (KERNEL, KERNEL, self.features, x.shape[0])
        x, kernel, bias = _parameters(self, x, shape)
        return conv_transpose(x, kernel, self.precision) + bias


def conv(x: jax.Array, kernel: jax.Array, precision: PrecisionLike = None) -> jax.Array:
    """y[o, h, w] = Σ_{i, j, c} kernel[i, j, c, o] · x[c, 2h + i − 1, 2w + j − 1].

    Args:
        x: `[c, H, W, B]`, H and W even; zero outside.
        kernel: `[4, 4, c, o]`.
        precision: Of the products, here and in the derivatives; see `products`.

    Returns:
        `[o, H/2, W/2, B]`.
    """
    return _conv(*products.operands(x, kernel, precision), precision)


def conv_transpose(
    x: jax.Array, kernel: jax.Array, precision: PrecisionLike = None
) -> jax.Array:
    """y[c, 2h + i − 1, 2w + j − 1] = Σ kernel[i, j, c, o] · x[o, h, w], over all hits.

    Args:
        x: `[o, H, W, B]`.
        kernel: `[4, 4, c, o]`.
        precision: Of the products, here and in the derivatives; see `products`.

    Returns:
        `[c, 2H, 2W, B]`.
    """
    return _conv_transpose(*products.operands(x, kernel, precision), precision)


def _conv_value(x: jax.Array, kernel: jax.Array, precision: PrecisionLike) -> jax.Array:
    chex.assert_shape(kernel, (KERNEL, KERNEL, x.shape[0], None))
    patches = _patches(x)
    taps = _taps(kernel).reshape(-1, kernel.shape[3])
    rows = patches.reshape(len(taps), -1)
    product = products.einsum("kn,km->nm", taps, rows, precision)
    return product.reshape(-1, *patches.shape[5:])


def _conv_transpose_value(
    x: jax.Array, kernel: jax.Array, precision: PrecisionLike
) -> jax.Array:
    chex.assert_shape(kernel, (KERNEL, KERNEL, None, x.shape[0]))
    taps = _taps(kernel)
    channels, *grid = x.shape
    narrow = kernel.shape[2]
    # The two forms hold 16·narrow or 4·channels rows between slices and product.
    if 4 * narrow < channels:
        rows = jax.lax.optimization_barrier(taps.reshape(-1, channels))
        product = products.einsum("mk,kn->mn", rows, x.reshape(channels, -1), precision)
        product = product.reshape(2, 2, 2, 2, narrow, *grid)
        parts = [_shift(product[a, e], a, e) for a in (0, 1) for e in (0, 1)]
        return _interleave(parts[0] + parts[1] + parts[2] + parts[3])
    windows = jnp.stack([_shift(x, a, e) for a in (0, 1) for e in (0, 1)])
    rows = taps.transpose(2, 3, 4, 0, 1, 5).reshape(4 * narrow, -1)
    rows = jax.lax.optimization_barrier(rows)
    windows_in_rows = windows.reshape(4 * channels, -1)
    product = products.einsum("mk,kn->mn", rows, windows_in_rows, precision)
    return _interleave(product.reshape(2, 2, narrow, *windows.shape[2:]))


def _kernel_gradient(
    large: jax.Array, small: jax.Array, precision: PrecisionLike
) -> jax.Array:
    """Σ over positions of `large` `[c, H, W, B]` times `small` `[o, H/2, W/2, B]`."""
    patches, channels = _patches(large), large.shape[0]
    patches = patches.reshape(KERNEL * KERNEL * channels, -1)
    small = small.reshape(len(small), -1)
    gradient = products.einsum("km,nm->kn", patches, small, precision)
    taps = gradient.reshape(2, 2, 2, 2, channels, -1)
    return taps.swapaxes(1, 2).reshape(KERNEL, KERNEL, channels, -1)


_Pair = tuple[jax.Array, jax.Array]


def _conv_forward(
    x: jax.Array, kernel: jax.Array, precision: PrecisionLike
) -> tuple[jax.Array, _Pair]:
    return conv(x, kernel, precision), (x, kernel)


def _conv_backward(precision: PrecisionLike, residuals: _Pair, dy: jax.Array) -> _Pair:
    x, kernel = residuals
    dx = conv_transpose(dy, kernel, precision)
    return dx, _kernel_gradient(x, dy, precision)


def _conv_transpose_forward(
    x: jax.Array, kernel: jax.Array, precision: PrecisionLike
) -> tuple[jax.Array, _Pair]:
    return conv_transpose(x, kernel, precision), (x, kernel)


def _conv_transpose_backward(
    precision: PrecisionLike, residuals: _Pair, dy: jax.Array
) -> _Pair:
    x, kernel = residuals
    return conv(dy, kernel, precision), _kernel_gradient(dy, x, precision)


_conv = jax.custom_vjp(_conv_value, nondiff_argnums=(2,))
_conv.defvjp(_conv_forward, _conv_backward)
_conv_transpose = jax.custom_vjp(_conv_transpose_value, nondiff_argnums=(2,))
_conv_transpose.defvjp(_conv_transpose_forward, _conv_transpose_backward)


def _taps(kernel: jax.Array) -> jax.Array:
    """A kernel `[4, 4, c, o]` as `[a, e, r, s, c, o]`."""
    return kernel.reshape(2, 2, 2, 2, *kernel.shape[2:]).swapaxes(1, 2)


def _patches(x: jax.Array) -> jax.Array:
    """The inputs under each tap: `[a, e, r, s, C, H/2, W/2, B]`."""
    chex.assert_rank(x, 4)
    channels, height, width, batch = x.shape
    if height % 2 or width % 2:
        raise ValueError(f"expected an even height and width; got {height} × {width}.")
    half_height, half_width = height // 2, width // 2
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    # Four windows of the padded image and one copy; on a CPU sixteen strided slices
    # take three times as long. The barrier keeps the padding out of that copy.
    grid = jax.lax.optimization_barrier(padded)
    grid = grid.reshape(channels, half_height + 1, 2, half_width + 1, 2, batch)
    windows = jnp.stack(
        [
            grid[:, a : a + half_height, :, e : e + half_width]
            for a in (0, 1)
            for e in (0, 1)
        ]
    )
    windows = windows.transpose(0, 3, 5, 1, 2, 4, 6)
    return windows.reshape(2, 2, *windows.shape[1:])


def _shift(x: jax.Array, down: int, right: int) -> jax.Array:
    """Places `[..., H, W, B]` on a grid `[..., H + 1, W + 1, B]` at (down, right)."""
    still = [(0, 0)] * (x.ndim - 3)
    return jnp.pad(x, [*still, (down, 1 - down), (right, 1 - right), (0, 0)])


def _interleave(parities: jax.Array) -> jax.Array:
    """From parities `[r, s, C, H + 1, W + 1, B]` to the image `[C, 2H, 2W, B]`."""
    _, _, channels, height, width, batch = parities.shape
    grid = parities.transpose(2, 3, 0, 4, 1, 5)
    grid = grid.reshape(channels, 2 * height, 2 * width, batch)
    return grid[:, 1:-1, 1:-1]


def _parameters(
    module: Conv | ConvTranspose, x: jax.Array, shape: tuple[int, ...]
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The input, kernel and bias `[features, 1, 1, 1]` in one dtype."""
    chex.assert_rank(x, 4)
    fan_in = shape[0] * shape[1] * shape[2]
    kernel = module.param("kernel", kernel_init(module.initialiser), shape, jnp.float32)
    bias = module.param(
        "bias", bias_init(module.initialiser, fan_in), (module.features,), jnp.float32
    )
    x, kernel, bias = promote_dtype(x, kernel, bias)
    return x, kernel, bias[:, None, None, None]
