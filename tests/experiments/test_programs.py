"""Sweeps over fields of which each value is a program."""

import csv
import dataclasses
import functools
import json
import pathlib
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import decomp
from configs import shapes_anisotropic
from experiments import main, results, watch
from experiments.config import command_line, fields, settings
from experiments.models import autoencoder
from experiments.report import __main__ as report
from experiments.results import columns, run_tables
from experiments.sweep import layout, trained
from tests.experiments import small_plane


def config_of(**changes):
    """A sweep of two seeds on 64 images of 8×8 pixels; `a__b` changes the field a.b."""
    config = shapes_anisotropic.get_config("laptop,smoke")
    defaults = {
        "data__side": 8,
        "data__points": 64,
        "model__hidden": (4,),
        "model__latents": 2,
        "prior__name": ("isotropic",),
        "objective__beta": (1.0, 4.0),
        "train__steps": 2,
        "evaluate__metrics": ("mig",),
        "evaluate__points": 0,
        "evaluate__overlap_points": 16,
        "evaluate__aggregate_samples": 0,
        "figures": ("traversals", "reconstruction_vs_score"),
    }
    with config.unlocked():
        for name, value in (defaults | changes).items():
            section, field = config, name
            if "__" in name:
                first, field = name.split("__", 1)
                section = config[first]
            section[field] = value
    return config


def programs_of(**changes):
    """Values of the changed fields, first setting and number of settings."""
    config, programs = settings.validate(config_of(**changes))
    names = [name.replace("__", ".") for name in changes]
    return [
        (
            [fields.get(program.config, name) for name in names],
            program.first,
            len(program.rows),
        )
        for program in programs
    ]


def test_each_value_of_a_field_of_programs_is_a_program():
    programs = programs_of(model__latents=(2, 3), train__batch_size=(8, 16))
    sizes = [[2, 8], [2, 16], [3, 8], [3, 16]]
    assert programs == [(values, 2 * i, 2) for i, values in enumerate(sizes)]


def test_learning_rates_share_a_program():
    programs_of_rates = programs_of(
        model__latents=(2, 3), train__learning_rate=(1e-3, 1)
    )
    assert programs_of_rates == [([2, (1e-3, 1.0)], 0, 4), ([3, (1e-3, 1.0)], 4, 4)]
    _, programs = settings.validate(config_of(train__learning_rate=(1e-3, 1)))
    ((_, rows, _),) = programs
    assert [row["learning_rate"] for row in rows] == [1e-3, 1e-3, 1.0, 1.0]
    (sweep,) = layout.sweeps(programs, pathlib.Path())
    rates = np.asarray(sweep.settings.learning_rate)
    np.testing.assert_array_equal(rates, np.float32([1e-3, 1e-3, 1.0, 1.0]))


def test_learning_rates_of_the_critic_share_a_program_and_scale_its_steps():
    rates = (1e-4, 1.0)
    config = small_plane.config_of("isotropic", "factor_vae", "moments")
    with config.unlocked():
        config.critic.learning_rate = rates
    _, programs = settings.validate(config)
    ((_, rows, _),) = programs
    assert [row["critic_learning_rate"] for row in rows] == [*rates]
    (sweep,) = layout.sweeps(programs, pathlib.Path())
    init, advance, _ = layout.functions(sweep)
    key, points = jax.random.key(0), jnp.asarray(sweep.data.points)

    @jax.vmap
    def step(setting):
        start = init(key, setting)
        end = advance(start, key, setting, points, jnp.int32(1))
        return jax.tree.map(jnp.subtract, end.params, start.params)

    changes = jax.device_get(jax.jit(step)(sweep.settings))
    # The first step of Adam is the learning rate for every parameter with a gradient.
    largest = {
        name: max(np.max(np.abs(leaf[1])) for leaf in jax.tree.leaves(part))
        for name, part in changes.items()
    }
    assert largest["critic"] == pytest.approx(1.0, rel=1e-3)
    for name, part in changes.items():
        for small, large in jax.tree.leaves(part):
            ratio = 1e-4 if name == "critic" else 1.0
            np.testing.assert_allclose(small, ratio * large, rtol=1e-2, atol=1e-6)


def test_priors_of_one_family_share_a_program_and_others_have_their_own():
    programs = programs_of(prior__name=("pca", "laplace", "isotropic"))
    assert programs == [([("pca", "isotropic")], 0, 4), ([("laplace",)], 4, 2)]


def test_an_objective_with_its_own_program_is_swept_beside_others():
    programs = programs_of(objective__name=("vae", "iwae", "beta_vae"))
    assert programs == [([("vae", "beta_vae")], 0, 3), ([("iwae",)], 3, 1)]


def test_a_zip_sweep_pairs_a_field_of_programs_with_the_others():
    programs = programs_of(model__latents=(2, 3), objective__sweep="zip")
    assert programs == [([2, "zip"], 0, 1), ([3, "zip"], 1, 1)]


def test_a_tuple_of_one_value_is_that_value():
    assert programs_of(model__latents=(3,)) == [([3], 0, 2)]
    assert programs_of(model__hidden=((3, 4),)) == [([(3, 4)], 0, 2)]


def test_a_field_that_is_a_tuple_is_swept_by_a_tuple_of_tuples():
    config, programs = settings.validate(config_of(model__hidden=((3,), (3, 4))))
    assert [row["hidden"] for row in settings.rows(programs)] == [
        "3",
        "3",
        "3,4",
        "3,4",
    ]
    hidden = [program.config.model.hidden for program in programs]
    assert hidden == [(3,), (3, 4)]


def test_the_columns_of_fields_and_scores_have_distinct_names():
    swept = [name for name in fields.described() if fields.may_be_swept(name)]
    names = [*map(fields.column, (*swept, *fields.axes()))]
    assert len(set(names)) == len(names) > 50
    others = {"run", "seed", "status", "step", "name", "value", "score", "n", "failed"}
    assert not set(names) & (others | set(columns.COLUMNS))


def test_values_separated_by_commas_are_swept():
    line = [
        "main",
        "--config=configs/shapes_anisotropic.py:laptop,smoke",
        "--config.model.latents=5,10",
        "--config.model.likelihood",
        "gaussian,bernoulli",
        "--config.objective.matched=False",
        "--config.seeds=3",
    ]
    config, programs = command_line.config_of(line)
    assert len(programs) == 4
    assert (config.model.latents, config.seeds) == ((5, 10), 3)
    assert config.model.likelihood == ("gaussian", "bernoulli")
    assert config.objective.matched is False


@pytest.fixture(scope="module")
def two_programs(tmp_path_factory):
    """The config of a sweep of two programs on images without factors."""
    path = tmp_path_factory.mktemp("images") / "images.npz"
    np.savez(
        path, images=np.random.default_rng(0).integers(0, 256, (64, 8, 8), np.uint8)
    )
    return functools.partial(
        config_of,
        model__latents=(2, 3),
        data__name="images",
        data__path=str(path),
        data__source="file",
        evaluate__metrics=("hoyer",),
    )


@pytest.fixture(scope="module")
def swept(two_programs, tmp_path_factory):
    """The workdir of its results."""
    workdir = tmp_path_factory.mktemp("programs") / "out"
    main.run(*settings.validate(two_programs()), workdir)
    return workdir


def test_one_workdir_has_all_runs_with_their_column(swept):
    with (swept / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(r["seed"]), r["latents"], r["beta"]) for r in rows] == [
        (seed, latents, beta)
        for seed in (0, 1)
        for latents in ("2", "3")
        for beta in ("1.0", "4.0")
    ]
    assert {row["status"] for row in rows} == {"ok"}
    assert "| latents | beta |" in (swept / "summary.md").read_text()


def test_pictures_name_the_number_of_latents_of_a_setting(swept):
    with np.load(swept / "pictures.npz") as pictures:
        assert pictures["latents"].tolist() == [2, 2, 3, 3]
        assert pictures["traversals"].shape == (4, 3, 9, 8, 8)
        assert (pictures["traversals"][:2, 2] == 255).all()
        assert (pictures["order"][:2, 2] == 2).all()
    assert (swept / "figures" / "traversals.png").exists()


def test_a_finished_run_is_encoded_by_the_networks_of_its_program(swept):
    finished = trained.finished(swept)
    for place, latents in enumerate([2, 2, 3, 3]):
        params, _ = trained.parameters(finished, place)
        work = finished.works[trained.program(finished, place)]
        assert trained.encode(work, params).loc.shape == (64, latents)


def test_a_sweep_opens_with_its_scores_and_settings(swept):
    sweep = results.open(swept)
    assert len(sweep) == 8
    assert sweep.scores["latents"].tolist() == [2, 2, 3, 3] * 2
    assert sweep.scores["beta"].tolist() == [1.0, 4.0] * 4
    assert sweep.settings[2]["latents"] == 3
    fits = sweep.scores["reconstruction"]
    assert sweep.best("reconstruction", lowest=True) == np.argmin(fits)
    threes = np.flatnonzero(sweep.scores["latents"] == 3)
    assert (
        sweep.best("loss", latents=3) == threes[sweep.scores["loss"][threes].argmax()]
    )


def test_a_run_of_an_opened_sweep_is_the_one_that_was_trained(swept):
    sweep, finished = results.open(swept), trained.finished(swept)
    for run, latents in enumerate([2, 2, 3, 3]):
        vae, work = sweep[run], finished.works[trained.program(finished, run)]
        images = work.vae.unpack(work.data.points).reshape(-1, 8, 8, 1)
        params, setting = trained.parameters(finished, run)
        q, exact = vae.encode(images), trained.encode(work, params)
        for leaf, exact_leaf in zip(q, exact, strict=True):
            np.testing.assert_allclose(leaf, exact_leaf, rtol=1e-5, atol=1e-6)
        assert vae.latents == latents
        assert vae.reconstruct(images).shape == images.shape
        p = autoencoder.prior(work.vae, params, setting)
        np.testing.assert_allclose(vae.prior.scale, p.scale)
        assert vae.sample(jax.random.key(0), 3).shape == (3, 8, 8, 1)
        assert vae.curves["step"].tolist() == [1, 2]
        assert vae.weights["beta"] == (1.0, 4.0)[run % 2]


def test_several_runs_of_an_opened_sweep_are_one_object(swept, tmp_path):
    sweep = results.open(swept)
    threes = sweep[sweep.scores["latents"] == 3]
    assert len(threes) == 4
    assert threes.seed.tolist() == sweep.scores["seed"][[2, 3, 6, 7]].tolist()
    np.testing.assert_array_equal(threes.weights["beta"], [1, 4, 1, 4])
    assert threes.curves["loss"].shape == (4, 2)
    images = np.linspace(0, 1, 2 * 64, dtype=np.float32).reshape(2, 8, 8, 1)
    together = threes.encode(images)
    assert together.loc.shape == (4, 2, 3)
    for place, run in enumerate([2, 3, 6, 7]):
        alone = sweep[run].encode(images)
        np.testing.assert_allclose(together.loc[place], alone.loc, rtol=1e-5, atol=1e-6)
    assert threes.sample(jax.random.key(0), 5).shape == (4, 5, 8, 8, 1)
    threes.save(tmp_path / "runs.npz")
    assert len(decomp.load(tmp_path / "runs.npz")) == 4
    assert sweep[2:4].seed.tolist() == sweep[[2, 3]].seed.tolist()
    for runs in (slice(None), [0, 2]):
        with pytest.raises(
            ValueError, match="several runs must have the same networks"
        ):
            sweep[runs]
    with pytest.raises(
        IndexError, match=r"for each of the 8 finished runs; got .*\[2\]"
    ):
        sweep[np.array([True, False])]
    with pytest.raises(IndexError, match="run 9 has not finished"):
        sweep[[2, 9]]


def test_runs_of_an_opened_sweep_read_each_block_once(swept, monkeypatch):
    sweep, original, blocks = results.open(swept), run_tables.read_block, []

    def read_block(workdir, first_run):
        blocks.append(first_run)
        return original(workdir, first_run)

    monkeypatch.setattr(run_tables, "read_block", read_block)
    assert len(list(sweep)) == 8
    assert blocks == sorted(set(sweep._tables["block"].tolist()))
    blocks.clear()
    threes = sweep.scores["latents"] == 3
    assert len(sweep[threes]) == 4
    assert blocks == sorted(set(sweep._tables["block"][threes].tolist()))


def test_a_run_of_an_opened_sweep_can_be_saved_and_loaded(swept, tmp_path):
    vae = results.open(swept)[3]
    vae.save(tmp_path / "run.npz")
    z = np.ones((2, 3), np.float32)
    loaded = decomp.load(tmp_path / "run.npz")
    np.testing.assert_array_equal(loaded.decode(z), vae.decode(z))


def test_a_sweep_of_an_older_version_opens_with_the_shape_of_its_data(swept, tmp_path):
    older = shutil.copytree(swept, tmp_path / "older")
    (older / "inputs.json").unlink()
    assert results.open(older)[2].shape == (8, 8, 1)


def test_a_run_or_column_that_does_not_exist_is_named_in_one_line(swept, tmp_path):
    with pytest.raises(ValueError, match="is not a workdir: it has no config.json"):
        results.open(tmp_path)
    sweep = results.open(swept)
    with pytest.raises(IndexError, match="run 8 has not finished; .* from 0 to 7"):
        sweep[8]
    with pytest.raises(IndexError, match="run True has not finished"):
        sweep[True]
    with pytest.raises(ValueError, match="there is no column fid; choices: run, seed"):
        sweep.best("fid")
    with pytest.raises(ValueError, match="no finished run has latents = 7; .*: 2, 3"):
        sweep.best("hoyer", latents=7)
    diverged = sweep.scores | {"diverged": np.zeros(8, int)}
    with pytest.raises(ValueError, match="runs with latents = 2, none has a finite ho"):
        dataclasses.replace(sweep, scores=diverged).best("hoyer", latents=2)


def test_the_report_names_all_programs(swept):
    assert report.main([str(swept), f"--out={swept / 'report.html'}"]) == 0
    text = (swept / "report.html").read_text()
    assert "2 | 3 latents" in text


def test_a_program_without_its_block_is_trained_again_to_the_same_bytes(
    two_programs, swept, capsys
):
    before = (swept / "scores.csv").read_bytes()
    lost = run_tables.block_path(swept, 2)
    other_blocks = [path for path in (swept / "blocks").glob("*.npz") if path != lost]
    stamps = [path.stat().st_mtime_ns for path in other_blocks]
    lost.unlink()
    main.run(*settings.validate(two_programs()), swept)
    assert (swept / "scores.csv").read_bytes() == before
    assert [path.stat().st_mtime_ns for path in other_blocks] == stamps
    output = capsys.readouterr().out
    assert "2 programs, one after another, for model.latents = 2 | 3" in output
    assert "4 are finished, 0 left" in output


def test_another_value_belongs_to_another_workdir(two_programs, swept):
    with pytest.raises(ValueError, match=r"model.latents: \[2, 3\] -> \[2, 4\]"):
        main.run(*settings.validate(two_programs(model__latents=(2, 4))), swept)
    assert json.loads((swept / "config.json").read_text())["model"]["latents"] == [2, 3]


def test_scores_that_one_program_lacks_are_blank(tmp_path):
    arrays = {
        "curves": np.zeros((1, 2, 2)),
        "diverged": np.array([-1]),
        "term": np.array([-1]),
        "seed": np.array([0]),
        "scores/loss": np.array([1.0], np.float32),
    }
    (tmp_path / "blocks").mkdir()
    for i, (more, records) in enumerate([({}, 1), ({"scores/mig": np.ones(1)}, 2)]):
        np.savez(
            run_tables.block_path(tmp_path, i),
            **arrays | {"curves": np.full((1, records, 2), float(i))} | more,
            number=np.array([i]),
            setting=np.array([i]),
        )
    rows = [{"latents": 2}, {"latents": 3}]
    names = {"order": ("loss", "mig"), "measures": ("loss",), "terms": ("loss",)}
    statistics = run_tables.write_tables(tmp_path, rows, **names)
    assert (tmp_path / "scores.csv").read_text().splitlines() == [
        "run,seed,latents,status,diverged_at,first_bad,loss,mig",
        "0,0,2,ok,,,1.0,",
        "1,0,3,ok,,,1.0,1.0",
    ]
    assert [(row.score, row.n) for row in statistics] == [
        *(("loss", 1), ("mig", 0), ("loss", 1), ("mig", 1))
    ]
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 1 + 1 + 2
    assert run_tables.finished_well(run_tables.finished(tmp_path)).all()
    config = {"seeds": 1, "figure_score": ["mig"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "settings.json").write_text(json.dumps(rows))
    remaining, text = watch.state(tmp_path)
    assert (remaining, "2 of 2 runs have finished, 0 diverged" in text) == (0, True)
