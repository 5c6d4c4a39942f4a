import json
import math

import jax
import numpy as np
import pytest

from experiments.sweep import workdirs

CONFIG = {
    "title": "t",
    "seeds": 3,
    "train": {"steps": 4, "records": 2, "learning_rate": 1e-3},
    "objective": {
        "beta": (1.0, 4.0),
        "name": ("beta_vae",),
        "divergence": ("moments",),
        "schedule": dict.fromkeys(("alpha", "beta", "gamma"), "constant")
        | {"capacity": "linear"},
    },
    "prior": {"df": (math.inf,)},
    "runs": {"block": 0, "keep_states": True},
    "figures": ["a"],
}


def start(folder, config):
    train = config["train"]
    training = workdirs.Training(train["steps"], train["steps"] // train["records"])
    changes = workdirs.compare(folder, config, [])
    return workdirs.start(folder, config, [training], changes)


def config_with_training(**changes):
    """The config with changed fields of `train`."""
    return CONFIG | {"train": CONFIG["train"] | changes}


@pytest.fixture
def workdir(tmp_path):
    """A workdir with one finished block."""
    start(tmp_path, CONFIG)
    np.savez(tmp_path / "blocks" / "000000.npz", number=np.arange(5))
    return tmp_path


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


def test_a_workdir_holds_its_config_and_its_environment(tmp_path):
    assert start(tmp_path, CONFIG) == []
    assert config_of(tmp_path)["objective"]["beta"] == [1.0, 4.0]
    assert config_of(tmp_path)["prior"]["df"] == [math.inf]
    environment = json.loads((tmp_path / "env.json").read_text())
    assert {"python", "devices", "packages", "revision", "command"} <= set(environment)
    assert environment["packages"]["jax"] == jax.__version__


def test_the_same_config_opens_its_workdir_again(workdir):
    assert start(workdir, CONFIG) == []


def test_fields_that_do_not_affect_results_may_change_and_are_reported(workdir):
    free = {"title": "other", "runs": {"block": 7, "keep_states": True}}
    assert start(workdir, CONFIG | free) == [
        "changed: runs.block: 0 -> 7",
        "changed: title: t -> other",
    ]
    assert config_of(workdir)["title"] == "other"


def test_every_field_of_a_figure_and_words_about_other_fields_may_change(workdir):
    free = {"figure_line": "beta", "figure_label": "alpha", "figure_sweeps": ["alpha"]}
    free |= {"figures": ["b"], "figure_score": ["mig"], "variant": "laptop"}
    changes = start(workdir, CONFIG | free | {"deviations": ["in other words"]})
    names = [line.split(": ")[1] for line in changes]
    assert names == sorted([*free, "deviations"])


def test_seeds_may_be_added_and_not_removed(workdir):
    assert start(workdir, CONFIG | {"seeds": 9}) == ["changed: seeds: 3 -> 9"]
    with pytest.raises(ValueError, match=r"fields differ: seeds: 9 -> 3\. Choose"):
        start(workdir, CONFIG)


def test_the_workdir_of_another_config_is_refused_naming_what_differs(workdir):
    other = config_with_training(learning_rate=8.0) | {"rng": 4}
    with pytest.raises(ValueError, match=r"rng: 0 -> 4; train\.learning_rate: 0.* 8"):
        start(workdir, other)
    assert config_of(workdir)["train"]["steps"] == 4


def test_a_field_that_an_older_version_lacked_had_its_default(workdir):
    new = json.loads(json.dumps(CONFIG))
    new["objective"]["lambda"] = [1.0]
    start(workdir, new)
    new["objective"]["lambda"] = [2.0]
    with pytest.raises(ValueError, match=r"objective\.lambda: \[1\.0\] -> \[2\.0\]"):
        start(workdir, new)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"seeds": "x"}'])
def test_a_config_that_cannot_be_read_is_named_in_one_line(workdir, content):
    (workdir / "config.json").write_text(content)
    with pytest.raises(ValueError, match=r"config\.json cannot be read") as error:
        start(workdir, CONFIG)
    assert "\n" not in str(error.value)


def test_a_workdir_that_cannot_be_written_is_named_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot write to --workdir"):
        start(tmp_path / "file" / "folder", CONFIG)


def test_a_workdir_without_results_may_change_its_config(tmp_path):
    start(tmp_path, CONFIG)
    assert start(tmp_path, CONFIG | {"rng": 9}) == []
    assert config_of(tmp_path)["rng"] == 9


def test_a_changed_version_since_the_last_start_is_reported(workdir):
    other = workdirs.describe()
    other["packages"]["jax"] = "0.0.1"
    (workdir / "env.json").write_text(json.dumps(other))
    (note,) = start(workdir, CONFIG)
    assert note.startswith("since the last start: packages.jax: 0.0.1 -> ")


def test_a_workdir_of_another_version_is_refused_with_both_versions(workdir):
    start(workdir, CONFIG)
    other = workdirs.describe()
    own = other["packages"]["decomp"]
    other["packages"]["decomp"] = "9.8.7"
    (workdir / "env.json").write_text(json.dumps(other))
    (workdir / "config.json").write_text(json.dumps(CONFIG | {"colour": 3}))
    words = rf"config of this version, {own} \(the workdir is of 9\.8\.7\); got: "
    with pytest.raises(ValueError, match=words) as error:
        workdirs.validated(workdir)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_block_is_set_aside_and_reported(workdir, keep):
    path = workdir / "blocks" / "000000.npz"
    path.write_bytes(path.read_bytes()[:keep])
    (note,) = start(workdir, CONFIG)
    assert "000000.npz is damaged" in note
    assert [p.name for p in (workdir / "blocks").iterdir()] == ["000000.damaged"]


def test_a_block_with_a_flipped_bit_is_set_aside(workdir):
    path = workdir / "blocks" / "000000.npz"
    content = bytearray(path.read_bytes())
    content[content.index(np.int64(3).tobytes() + np.int64(4).tobytes())] ^= 1
    path.write_bytes(content)
    (note,) = start(workdir, CONFIG)
    assert "is damaged (number.npy)" in note


def test_training_can_be_extended_if_states_were_kept(workdir):
    assert start(workdir, config_with_training(steps=8, records=4)) == [
        "changed: train.records: 2 -> 4",
        "changed: train.steps: 4 -> 8",
        "trained for longer: 4 -> 8 steps",
    ]
    assert not any((workdir / "blocks").iterdir())


def test_a_longer_training_keeps_the_spacing_of_its_curves(workdir):
    with pytest.raises(ValueError, match=r"train\.records must be 4, so that .* got"):
        start(workdir, config_with_training(steps=8))
    assert any((workdir / "blocks").iterdir())


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("runs", {"keep_states": False}),
        ("objective", {"schedule": {"beta": "linear"}}),
        ("objective", {"schedule": {"beta": ("constant", "linear")}}),
        ("objective", {"name": ("vae", "capacity")}),
    ],
)
def test_without_states_or_with_schedules_training_cannot_be_extended(
    tmp_path, part, change
):
    if "schedule" in change:
        change = {"schedule": CONFIG["objective"]["schedule"] | change["schedule"]}
    config = CONFIG | {part: CONFIG[part] | change}
    start(tmp_path, config)
    (tmp_path / "blocks" / "000000.npz").touch()
    longer = config | {"train": config["train"] | {"steps": 8, "records": 4}}
    with pytest.raises(ValueError, match="differ: train.records: 2 -> 4; train.steps"):
        start(tmp_path, longer)


def test_schedules_of_weights_that_nothing_reads_leave_training_extensible(tmp_path):
    schedule = dict.fromkeys(("alpha", "gamma", "capacity"), "linear")
    objective = CONFIG["objective"] | {"schedule": schedule | {"beta": "constant"}}
    config = CONFIG | {"objective": objective}
    start(tmp_path, config)
    (tmp_path / "blocks" / "000000.npz").touch()
    longer = config | {"train": config["train"] | {"steps": 8, "records": 4}}
    assert "trained for longer: 4 -> 8 steps" in start(tmp_path, longer)


def test_training_cannot_be_shortened(workdir):
    with pytest.raises(ValueError, match="train.steps: 4 -> 3"):
        start(workdir, config_with_training(steps=3))


def test_settings_in_another_order_are_refused(workdir):
    rows = [{"beta": 1.0, "df": math.inf}, {"beta": 4.0, "df": math.inf}]
    (workdir / "settings.json").write_text(json.dumps(rows))
    more = [row | {"learning_rate": 1e-3} for row in rows]  # a new column
    assert workdirs.compare(workdir, config_with_training(), more) == []
    with pytest.raises(ValueError, match="the settings in another order"):
        workdirs.compare(workdir, config_with_training(), more[::-1])
