"""Outlines of sweeps: their programs and shapes, without their data."""

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
    """A validated config with changed fields of `data`."""
    outline_config = module.get_config(variants)
    with outline_config.unlocked():
        for name, value in fields.items():
            outline_config.data[name] = value
    return settings.validate(outline_config)[0]


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
        pytest.param(heads, "laptop,smoke", {"points": 256}, marks=pytest.mark.slow),
        (sparse, "laptop,smoke", {}),
        (pinwheel, "smoke", {}),
    ],
)
def test_an_outline_has_the_shapes_of_the_data(module, variants, fields):
    outline_config = config(module, variants, **fields)
    outline, data = loaders.outline(outline_config), loaders.load(outline_config)
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
def test_an_outline_of_a_whole_set_uses_the_memory_of_one_row(
    module, variants, fields, shape
):
    outline = loaders.outline(config(module, variants, **fields))
    assert outline.points.shape == shape
    assert outline.points.strides[0] == 0


def test_an_outline_has_the_pixels_per_value_of_smaller_photographs():
    assert loaders.outline(config(images, "laptop")).pixels_per_value == 16
    assert loaders.outline(config(images, "")).pixels_per_value == 1


def test_an_outline_reads_the_number_of_images_from_a_file(tmp_path):
    np.savez(tmp_path / "nine.npz", images=np.zeros((9, 8, 8), np.uint8))
    images_config = images.get_config("smoke")
    with images_config.unlocked():
        images_config.data.name, images_config.data.path = (
            "images",
            str(tmp_path / "nine.npz"),
        )
        images_config.data.points = images_config.evaluate.points = 0
        images_config.train.batch_size = 3
    images_config, _ = settings.validate(images_config)
    outline = loaders.outline(images_config)
    assert outline.points.shape == (9, 64)


def program_text(sweep):
    """The traced program that trains a run."""
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
    for program, sweep in zip(programs, layout.sweeps(programs, tmp_path), strict=True):
        outline = layout.outline(program, "cpu")
        assert (outline.steps, outline.first) == (sweep.steps, sweep.first)
        assert shapes(outline) == shapes(sweep)
        assert program_text(outline) == program_text(sweep)


def test_the_backend_of_an_outline_decides_which_precisions_are_allowed():
    tf32_config = shapes_anisotropic.get_config("laptop,smoke")
    with tf32_config.unlocked():
        tf32_config.model.precision = "tf32"
    _, (program,) = settings.validate(tf32_config)
    encoder = layout.outline(program, "gpu").vae.encoder
    assert encoder.precision == networks.PRECISIONS["tf32"]
    with pytest.raises(ValueError, match="tf32 needs an NVIDIA GPU; this is a tpu"):
        layout.outline(program, "tpu")
