import matplotlib.style
import numpy as np
import pytest

from experiments.plots import style, traversals
from experiments.results import reading

LATENTS, STEPS = 3, 5


def results(*size):
    """One setting with tiles of shape `size`."""
    rng = np.random.default_rng(0)
    pictures = {
        "traversals": rng.integers(0, 256, (1, LATENTS, STEPS, *size), np.uint8),
        "traversal_values": np.linspace(-2, 2, STEPS),
        "originals": rng.integers(0, 256, (1, 2, *size), np.uint8),
        "reconstructions": rng.integers(0, 256, (1, 2, *size), np.uint8),
        "active": np.array([[True, True, False]]),
        "order": np.array([[2, 0, 1]]),
    }
    setting = {"prior": "isotropic", "beta": 1.0}
    return reading.Results({}, None, None, [setting], pictures)


def picture(figure, results):
    with matplotlib.style.context(["default", style.RC]):
        (page,) = figure(results).values()
    return np.asarray(page.axes[0].images[0].get_array(), float)


def test_coloured_tiles_of_any_shape_are_drawn_in_their_colours():
    coloured = results(4, 6, 3)
    stored = coloured.pictures["traversals"][0].astype(float)
    canvas = picture(traversals.traversals, coloured)
    assert canvas.shape == (LATENTS * 5 - 1, STEPS * 7 - 1, 3)
    np.testing.assert_allclose(255 * canvas[5:9, 7:13], stored[0, 1], atol=1e-3)
    faded = 255 * canvas[:4, :6]  # latent 3 is inactive and comes first
    np.testing.assert_allclose(faded, 0.2 * stored[2, 0] + 0.8 * 235, atol=1e-3)


def test_images_are_shown_above_their_reconstructions():
    coloured = results(6, 4, 3)
    canvas = picture(traversals.reconstructions, coloured)
    np.testing.assert_allclose(
        255 * canvas[7:13, 5:9], coloured.pictures["reconstructions"][0, 1], atol=1e-3
    )


def test_tiles_of_neither_one_nor_three_channels_are_refused():
    with pytest.raises(ValueError, match="expected shape .* for 'originals'"):
        picture(traversals.reconstructions, results(6, 4, 2))
