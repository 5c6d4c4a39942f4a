"""Sweeps that are planned and not trained: their programs, without their data."""

import jax
import numpy as np
import pytest

from configs import correlated, heads, images, pinwheel, shapes_anisotropic, sparse
from decomp.datasets import shapes3d
from experiments.config import settings
from experiments.data import loaders
from experiments.models import networks
from experiments.sweep import layout


def config(module, variants, **fields):
    """A validated config with other fields of `data`."""
    found = module.get_config(variants)
    with found.unlocked():
        for name, value in fields.items():
            found.data[name] = value
    return settings.validate(found)[0]


@pytest.mark.parametrize(
    ("module", "variants", "fields"),
    [
        (shapes_anisotropic, "smoke", {}),
        (shapes_anisotropic, "laptop,smoke", {}),
        (shapes_anisotropic, "laptop,smoke", {"look": "colour"}),
        (shapes_anisotropic, "laptop,smoke", {"look": "noise"}),
        (correlated, "laptop,smoke", {}),
        (correlated, "laptop,smoke", {"held_out": "shape=2,x=16..31"}),
        (heads, "smoke", {"points": 256}),
        (heads, "laptop,smoke", {"points": 256}),
        (sparse, "laptop,smoke", {}),
        (pinwheel, "smoke", {}),
    ],
)
def test_an_outline_has_the_shapes_of_the_data(module, variants, fields):
    found = config(module, variants, **fields)
    outline, data = loaders.outline(found), loaders.load(found)
    assert outline.points.shape == data.points.shape
    assert outline.points.dtype == data.points.dtype
    assert outline.factors.shape == data.factors.shape
    parts = ("shape", "decode", "pixels_per_value", "factor_names", "class_names")
    for part in parts:
        assert getattr(outline, part) == getattr(data, part)


@pytest.mark.parametrize(
    ("module", "variants", "fields", "shape"),
    [
        (shapes_anisotropic, "", {}, (737_280, 512)),
        (shapes_anisotropic, "laptop", {}, (737_280, 256)),
        (correlated, "laptop", {}, (737_280, 256)),
        (correlated, "laptop", {"held_out": "shape=2,x=16..31"}, (737_280, 256)),
        (
            correlated,
            "laptop",
            {"held_out": "shape=2,x=16..31", "correlated": ()},
            (614_400, 256),
        ),
        (heads, "", {}, (127_050, 4096)),
        (sparse, "", {}, (60_000, 784)),
        (images, "", {}, (shapes3d.NUM_IMAGES, 64 * 64 * 3)),
        (images, "laptop", {}, (10_000, 16 * 16 * 3)),
        (images, "", {"name": "small_norb"}, (48_600, 64 * 64)),
    ],
)
def test_an_outline_of_a_whole_set_takes_the_memory_of_a_row(
    module, variants, fields, shape
):
    outline = loaders.outline(config(module, variants, **fields))
    assert outline.points.shape == shape
    assert outline.points.strides[0] == 0


def test_an_outline_weighs_the_pixels_of_smaller_photographs():
    assert loaders.outline(config(images, "laptop")).pixels_per_value == 16
    assert loaders.outline(config(images, "")).pixels_per_value == 1


def test_images_whose_number_a_file_tells_are_read(tmp_path):
    np.savez(tmp_path / "nine.npz", images=np.zeros((9, 8, 8), np.uint8))
    found = images.get_config("smoke")
    with found.unlocked():
        found.data.name, found.data.path = "images", str(tmp_path / "nine.npz")
        found.data.points = found.evaluate.points = 0
        found.train.batch_size = 3
    found, _ = settings.validate(found)
    outline = loaders.outline(found)
    assert outline.points.shape == (9, 64)


def traced(sweep):
    """What the training of a run computes, written out."""
    _, advance, _ = layout.functions(sweep)
    *of_runs, points, steps = shapes(sweep)
    of_one = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), of_runs
    )
    return str(jax.make_jaxpr(advance)(*of_one, points, steps))


def shapes(sweep):
    return layout.training_shapes(sweep, 3)


@pytest.mark.parametrize(
    ("module", "variants"),
    [(shapes_anisotropic, "laptop,smoke"), (pinwheel, "smoke"), (sparse, "smoke")],
)
def test_the_program_of_an_outline_is_that_of_the_sweep(module, variants, tmp_path):
    _, programs = settings.validate(module.get_config(variants))
    for program, made in zip(programs, layout.sweeps(programs, tmp_path), strict=True):
        outline = layout.outline(program, "cpu")
        assert (outline.steps, outline.first) == (made.steps, made.first)
        assert shapes(outline) == shapes(made)
        assert traced(outline) == traced(made)


def test_the_backend_that_is_compiled_for_decides_on_precisions():
    found = shapes_anisotropic.get_config("laptop,smoke")
    with found.unlocked():
        found.model.precision = "tf32"
    _, (program,) = settings.validate(found)
    made = layout.outline(program, "gpu").vae.encoder
    assert made.precision == networks.PRECISIONS["tf32"]
    with pytest.raises(ValueError, match="tf32 needs an NVIDIA GPU; this is a tpu"):
        layout.outline(program, "tpu")
