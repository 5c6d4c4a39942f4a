"""Images in colour, of any shape, with or without factors, from file to report."""

import csv
import json
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from configs import images as config_of_images
from decomp.datasets import images, raster
from experiments import main
from experiments.config import settings
from experiments.data import arrays as data
from experiments.data import catalogue, loaders
from experiments.models import autoencoder
from experiments.report import __main__ as report
from experiments.results import columns as columns_lib
from experiments.sweep import figure_arrays, layout
from tests.experiments.test_report import data_of
from tests.faults import damage

PICTURES = damage.discs(48, 12, 18)
TWO = np.stack([np.arange(48) % 4, np.arange(48) // 4 % 3], axis=1)


def config(metrics=("auto",), **fields):
    images_config = config_of_images.get_config("smoke")
    with images_config.unlocked():
        for name, value in fields.items():
            images_config.data[name] = value
        images_config.seeds = 1
        images_config.data.points = images_config.evaluate.points = 0
        images_config.evaluate.aggregate_samples = 0
        images_config.evaluate.metrics = tuple(metrics)
        images_config.model.hidden = (8,)
        images_config.model.latents = 3
        images_config.objective.beta = (1.0,)
    return images_config


def run(workdir, images_config):
    main.run(*settings.validate(images_config), workdir)
    with (workdir / "scores.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["status"] == "ok"
    return row


def npz(path, **arrays):
    path.write_bytes(damage.npz({"images": PICTURES} | arrays))
    return str(path)


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    """A run on coloured images that are not square and have no factors."""
    workdir = tmp_path_factory.mktemp("unlabelled")
    path = npz(workdir / "a.npz")
    run(workdir / "results", config(["hoyer"], name="images", path=path))
    return workdir / "results"


@pytest.mark.slow
def test_images_without_factors_are_scored_by_metrics_of_codes(tmp_path):
    path = npz(tmp_path / "a.npz")
    row = run(tmp_path / "w", config(name="images", path=path))
    scores = {"reconstruction", "kl", "active", "hoyer", "gaussian_tc"} | {
        *("gaussian_wasserstein", "pairwise_information", "bhattacharyya")
    }
    assert scores <= set(row)
    assert not {"mig", "sap", "kim_mnih_pruned"} & set(row)
    assert all(math.isfinite(float(row[name])) for name in scores)


def test_pictures_have_the_shape_and_the_colours_of_the_images(unlabelled):
    places = np.linspace(0, 47, 8).round().astype(int)
    with np.load(unlabelled / "pictures.npz") as pictures:
        assert pictures["traversals"].shape == (1, 3, 9, 12, 18, 3)
        np.testing.assert_array_equal(pictures["originals"][0], PICTURES[places])
    for name in ("traversals", "reconstructions"):
        image = np.asarray(Image.open(unlabelled / "figures" / f"{name}.png"))
        assert image.shape[2] >= 3
    reds = np.asarray(Image.open(unlabelled / "figures" / "reconstructions.png"))
    assert (reds[..., 0].astype(int) - reds[..., 1] > 200).any()


def test_the_report_shows_images_without_factors(unlabelled, tmp_path):
    path = tmp_path / "report.html"
    assert report.main([str(unlabelled), f"--out={path}"]) == 0
    explorer = data_of(path)["explorer"]
    assert (explorer["size"], explorer["factors"]) == ([12, 18], [])
    assert np.shape(explorer["runs"][0]["information"]) == (3, 0)


def test_metrics_of_factors_are_refused_without_factors(tmp_path):
    images_config = config(name="images", path=npz(tmp_path / "a.npz"))
    with images_config.unlocked():
        images_config.evaluate.metrics = ("hoyer", "mig")
    images_config, programs = settings.validate(images_config)
    with pytest.raises(ValueError, match="two factors or more; got none, choices: hoy"):
        layout.sweeps(programs, tmp_path)[0]


def scores_of(work):
    """Names of the scores of a sweep."""
    init, _, scores = layout.functions(work)
    key, one = jax.random.key(0), jax.tree.map(lambda leaf: leaf[0], work.settings)
    params = jax.eval_shape(init, key, one).params
    factors = work.scored.factors.astype(np.int32)
    return set(jax.eval_shape(scores, params, key, one, work.scored.points, factors))


@pytest.mark.parametrize("columns", [1, 2])
def test_a_file_may_contain_factors_which_are_scored(tmp_path, columns):
    names = np.array(["place", "height"])[:columns]
    path = npz(tmp_path / "a.npz", factors=TWO[:, :columns], factor_names=names)
    _, programs = settings.validate(config(name="images", path=path, side=8))
    work = layout.sweeps(programs, tmp_path)[0]
    assert work.data.factor_names == tuple(names)
    assert work.vae.factor_sizes == (4, 3)[:columns]
    of_factors = {"mig", "modularity", "infom", "infoc", "sap"}
    of_factors |= {"kim_mnih_pruned", "kim_mnih_authors"}
    scores = scores_of(work)
    if columns == 2:
        assert of_factors <= scores
    else:  # a class
        assert set(columns_lib.OF_CODES) <= scores
        assert not of_factors & scores


@pytest.mark.slow
def test_colours_are_trained_by_convolutions(tmp_path):
    path = tmp_path / "3dshapes.h5"
    path.write_bytes(damage.shapes_file(damage.shapes()))
    row = run(tmp_path / "w", config(name="shapes3d", path=str(path)))
    assert math.isfinite(float(row["mig"]))
    with np.load(tmp_path / "w" / "pictures.npz") as pictures:
        assert pictures["traversals"].shape == (1, 3, 9, 64, 64, 3)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths of small good files of each data set, by name."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "a.h5").write_bytes(damage.shapes_file(damage.shapes()))
    (folder / "norb").mkdir()
    for name, content in damage.norb_files(
        training=damage.norb(), testing=None
    ).items():
        (folder / "norb" / name).write_bytes(content)
    large = {
        f"{i}.jpg": damage.photo(f, "JPEG") for i, f in enumerate(damage.discs(3, 80))
    }
    (folder / "a.zip").write_bytes(damage.archive(large))
    (folder / "own").mkdir()
    for i, picture in enumerate(PICTURES[:3]):
        (folder / "own" / f"{i}.png").write_bytes(damage.photo(picture))
    (folder / "arm.npz").write_bytes(damage.npz(damage.mpi3d()))
    cars = {name: damage.car_file(images) for name, images in damage.cars().items()}
    (folder / "a.tar.gz").write_bytes(damage.cars_archive(cars))
    names = {"shapes3d": "a.h5", "small_norb": "norb", "celeb_a": "a.zip"}
    names |= {"mpi3d": "arm.npz", "cars3d": "a.tar.gz"}
    return {name: str(folder / file) for name, file in names.items()} | {
        "images": str(folder / "own")
    }


FACTORS = ("shapes3d", "small_norb", "mpi3d", "cars3d")
QUICK = (("shapes3d", 0), ("celeb_a", 8))


@pytest.mark.parametrize(
    ("name", "side"),
    [
        pytest.param(
            *(name, side), marks=[] if (name, side) in QUICK else pytest.mark.slow
        )
        for name in (*FACTORS, "celeb_a", "images")
        for side in (0, 8)
    ],
)
def test_every_data_set_trains_and_is_scored_at_its_shape(files, tmp_path, name, side):
    images_config = config(name=name, path=files[name], side=side)
    with images_config.unlocked():
        images_config.train.batch_size = 2
    images_config, programs = settings.validate(images_config)
    work = layout.sweeps(programs, tmp_path)[0]
    shape = work.data.shape
    assert shape == (catalogue.shape(images_config.data) or (side or 12, side or 18, 3))
    pixels_per_value = 64 * 64 // math.prod(shape[:2]) if name != "images" else 1
    assert work.data.pixels_per_value == pixels_per_value
    x = work.data.decode(jnp.asarray(work.data.points))
    assert x.shape == (len(x), math.prod(shape))
    np.testing.assert_allclose(255 * x, work.data.points, atol=1e-4)
    assert ("mig" in scores_of(work)) == (name in FACTORS)
    init, advance, _ = layout.functions(work)
    key, one = jax.random.key(0), jax.tree.map(lambda leaf: leaf[0], work.settings)
    state = jax.eval_shape(init, key, one)
    layers = set(state.params["encoder"])
    assert ("Conv_0" in layers) == (shape[:2] in ((8, 8), (64, 64)))
    end = jax.eval_shape(advance, state, key, one, work.data.points, np.int32(1))
    z = jax.ShapeDtypeStruct((2, 3), jnp.float32)
    decoded = jax.eval_shape(
        lambda p, z: autoencoder.decode(work.vae, p, z), end.params, z
    )
    assert decoded.logits.shape == (2, math.prod(shape))


def shapes_of_one_kind(path):
    """3D Shapes of a single shape and scale."""
    arrays = damage.shapes()
    labels = arrays["labels"].copy()
    labels[:, 3:5] = 1.0
    path.write_bytes(damage.shapes_file(arrays | {"labels": labels}))
    return str(path)


def test_a_factor_of_one_class_is_not_scored_and_is_reported(tmp_path, capsys):
    path = shapes_of_one_kind(tmp_path / "a.h5")
    _, programs = settings.validate(config(name="shapes3d", path=path, side=8))
    work = layout.sweeps(programs, tmp_path)[0]
    varying = ("floor_hue", "wall_hue", "object_hue", "orientation")
    words = "factors with one class in all images are not scored: scale, shape"
    assert words in capsys.readouterr().out
    assert work.scored.factor_names == work.data.factor_names == varying
    assert work.vae.factor_sizes == (10, 10, 10, 15)
    assert work.data.factors.shape == work.scored.factors.shape == (48, 4)
    assert {"mig", "kim_mnih_pruned"} <= scores_of(work)


@pytest.mark.parametrize("varied", [0, 1])
def test_factors_of_one_class_are_left_out(tmp_path, varied):
    factors = np.zeros((48, 2), int)
    factors[:, :varied] = np.arange(48)[:, None] % 3
    path = npz(tmp_path / "a.npz", factors=factors)
    _, programs = settings.validate(config(name="images", path=path, side=8))
    work = layout.sweeps(programs, tmp_path)[0]
    assert work.vae.factor_sizes == (3,) * varied
    assert set(columns_lib.OF_CODES) <= scores_of(work)


def test_sub_folders_are_classes_with_names(tmp_path):
    for i, picture in enumerate(PICTURES[:6]):
        folder = tmp_path / ("cat", "dog")[i % 2]
        folder.mkdir(exist_ok=True)
        (folder / f"{i}.png").write_bytes(damage.photo(picture))
    dataset = loaders.load(config(name="images", path=str(tmp_path)))
    assert (dataset.factor_names, dataset.class_names) == (("class",), ("cat", "dog"))
    np.testing.assert_array_equal(dataset.factors[:, 0], [0, 0, 0, 1, 1, 1])


def test_too_little_memory_is_reported(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise MemoryError("Unable to allocate 12.7 GiB")

    monkeypatch.setattr(images, "load", full)
    with pytest.raises(ValueError, match="too little memory .*; data.points reads few"):
        loaders.load(config(name="images", path="a"))


@pytest.mark.parametrize(("name", "side"), [("images", 0), ("shapes3d", 8)])
def test_a_gaussian_likelihood_is_the_normal_density_of_the_levels(
    files, tmp_path, name, side
):
    images_config = config(name=name, path=files[name], side=side)
    with images_config.unlocked():
        images_config.model.likelihood, images_config.train.batch_size = "gaussian", 2
        images_config.model.network = "dense"
    images_config, programs = settings.validate(images_config)
    work = layout.sweeps(programs, tmp_path)[0]
    one = jax.tree.map(lambda leaf: leaf[0], work.settings)
    init = jax.jit(lambda key: autoencoder.init(key, work.vae, one))
    params = init(jax.random.key(0))
    params["decoder"]["log_scale"] = jnp.float32(-2.5)
    z = jax.random.normal(jax.random.key(1), (3, 3))
    x = work.data.points[:3] / 255
    host = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params["decoder"])
    first, last = host["Dense_0"], host["Dense_1"]
    hidden = np.maximum(np.asarray(z) @ first["kernel"] + first["bias"], 0)
    mean = hidden @ last["kernel"] + last["bias"]
    exact = stats.norm.logpdf(x, mean, np.exp(-2.5) + 1e-6).sum(1)
    density = jax.jit(lambda *inputs: autoencoder.log_px_z(work.vae, *inputs))
    log_px_z = density(params, jnp.asarray(x, jnp.float32), z)
    pixels = {0: 1, 8: 64}[side]  # of the original image, per value
    np.testing.assert_allclose(log_px_z, pixels * exact, rtol=1e-4)
    decoded = figure_arrays.decoded(work.vae, params, z)
    levels = np.round(255 * np.clip(mean, 0, 1)).reshape(decoded.shape)
    assert (mean < 0).any()
    np.testing.assert_allclose(np.asarray(decoded).astype(int), levels, atol=1)


def test_a_gaussian_likelihood_goes_with_convolutions(files, tmp_path):
    images_config = config(name="shapes3d", path=files["shapes3d"], side=0)
    with images_config.unlocked():
        images_config.model.likelihood, images_config.train.batch_size = "gaussian", 2
    images_config, programs = settings.validate(images_config)
    work = layout.sweeps(programs, tmp_path)[0]
    init, advance, _ = layout.functions(work)
    key, one = jax.random.key(0), jax.tree.map(lambda leaf: leaf[0], work.settings)
    state = jax.eval_shape(init, key, one)
    assert {"ConvTranspose_3", "log_scale"} <= set(state.params["decoder"])
    end = jax.eval_shape(advance, state, key, one, work.data.points, np.int32(1))
    assert end.params["decoder"]["log_scale"].shape == ()


@pytest.mark.slow
def test_a_gaussian_likelihood_from_the_images_to_the_report(tmp_path):
    images_config = config(name="images", path=npz(tmp_path / "a.npz"), side=8)
    with images_config.unlocked():
        images_config.model.likelihood, images_config.train.steps = "gaussian", 300
        images_config.train.learning_rate = 1e-2
    row = run(tmp_path / "w", images_config)
    pixels = 8 * 8 * 3
    # The bound is the density with the mean image and the best constant scale.
    small = raster.smaller(PICTURES, side=8).reshape(48, -1) / 255
    spread = np.sqrt(np.mean((small - small.mean(0)) ** 2))
    blind = pixels * (np.log(spread) + 0.5 * np.log(2 * np.pi) + 0.5)
    assert float(row["reconstruction"]) < blind
    path = tmp_path / "report.html"
    assert report.main([str(tmp_path / "w"), f"--out={path}"]) == 0
    assert "Gaussian p(x|z)" in path.read_text()


def test_a_subset_is_the_same_at_each_reading(tmp_path):
    images_config = config(name="images", path=npz(tmp_path / "a.npz", factors=TWO))
    with images_config.unlocked():
        images_config.data.points = 20
    one, other = loaders.load(images_config), loaders.load(images_config)
    np.testing.assert_array_equal(one.points, other.points)
    assert len({*map(bytes, one.points)}) > 5
    whole = {bytes(row) for row in PICTURES.reshape(48, -1)}
    assert {bytes(row) for row in one.points} <= whole
    assert one.decode == other.decode


def test_convolutions_refuse_images_of_other_sizes_known_only_from_a_file(tmp_path):
    images_config = config(name="images", path=npz(tmp_path / "a.npz"))
    with images_config.unlocked():
        images_config.model.network = "conv"
    images_config, programs = settings.validate(images_config)
    with pytest.raises(ValueError, match="or 64×64 pixels; got images of 12×18"):
        layout.sweeps(programs, tmp_path)[0]


def test_principal_axes_of_images_too_large_for_them_are_refused():
    points = np.zeros((4, 3 * 80 * 80), np.uint8)
    large = data.Dataset(points, np.zeros((4, 0), int), (80, 80, 3), data.shares(255))
    with pytest.raises(ValueError, match="images of at most 16,384 values; got 19,200"):
        data.principal_variances(large, config())


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_arrays_in_memory_are_a_data_set(dtype):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 4, 5)).astype(np.uint8)
    pixels = images if dtype == np.uint8 else images.astype(dtype) / 255
    table = np.array([["b", 7], ["a", 7], ["b", 1], ["c", 1], ["a", 7], ["c", 1]])
    entry = loaders.of_arrays("mine", "Mine", pixels, table, factor_names=("x", "y"))
    assert (entry.shape, entry.most, entry.labels) == ((4, 5, 1), 6, "factors")
    dataset = entry.load(jax.random.key(0), config())
    np.testing.assert_allclose(
        dataset.decode(jnp.asarray(dataset.points)),
        images.reshape(6, 20) / 255,
        atol=1e-6,
    )
    assert dataset.factors.tolist() == [[1, 1], [0, 1], [1, 0], [2, 0], [0, 1], [2, 0]]
    assert dataset.factor_names == ("x", "y")


@pytest.mark.parametrize(
    ("images", "factors", "words"),
    [
        (np.zeros((3, 4)), None, "images must be [N, H, W]"),
        (np.zeros((3, 4, 4, 2), np.uint8), None, "images must be [N, H, W]"),
        (np.full((3, 4, 4), 2.0), None, "floats in [0, 1]; got float64 in 2.0 .. 2.0"),
        (np.zeros((3, 4, 4), int), None, "images must be bytes"),
        (np.zeros((3, 4, 4), np.uint8), np.zeros((2, 1)), "factors must be [3, F]"),
    ],
)
def test_arrays_of_other_shapes_or_values_are_refused(images, factors, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        loaders.of_arrays("mine", "Mine", images, factors)


def test_the_default_source_is_a_file_if_there_is_a_path():
    assert catalogue.source(config(name="celeb_a").data) == "tfds"
    assert catalogue.source(config(name="celeb_a", path="a.zip").data) == "file"
    assert catalogue.source(config(name="images").data) == "file"
    assert catalogue.source(config(name="pinwheel").data) == "rendered"
    assert catalogue.source(config(name="dsprites", source="rendered").data) == (
        "rendered"
    )


def test_the_variants_of_the_config_are_valid():
    for variants in ("", "laptop", "smoke", "laptop,smoke"):
        for name in (*FACTORS, "celeb_a", "fashion_mnist"):
            images_config = config_of_images.get_config(variants)
            with images_config.unlocked():
                images_config.data.name = name
                images_config.data.path = "a" if name in ("mpi3d", "cars3d") else ""
            assert settings.rows(settings.validate(images_config)[1])


def test_the_stored_config_has_the_values_as_typed(unlabelled):
    stored = json.loads((unlabelled / "config.json").read_text())
    assert (stored["data"]["source"], stored["model"]["network"]) == ("auto", "auto")
