"""Typed paths: `~` at their beginning, and configs from any current folder."""

import os
import pathlib

import pytest

from decomp.datasets.readers import cache
from experiments.config import command_line, settings
from experiments.system import commands, paths
from tests.experiments.small_plane import config_of
from tests.faults.attempts import attempt


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder; the current folder is another one."""
    (tmp_path / "home").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "home"


def test_a_tilde_is_the_home_folder_only_at_the_beginning(home):
    assert paths.path("~/a") == home / "a"
    assert paths.path("~") == home
    for plain in ("a/~", "./~", "a~b", "/~"):
        assert paths.path(plain) == pathlib.Path(plain)


def test_an_unknown_home_folder_is_refused_in_one_line(home):
    with pytest.raises(ValueError, match="home folder ~no-such-user is unknown"):
        paths.path("~no-such-user/x")
    config = config_of("isotropic", "vae", "moments")
    with config.unlocked():
        config.data.path = "~no-such-user/x"
    with pytest.raises(ValueError, match="~no-such-user"):
        settings.validate(config)


COMMANDS = {
    "score": (["--codes=~/no.npy", "--factors=~/no.npy"], "{}/no.npy"),
    "figures": (["~/no"], "{}/no is not a folder"),
    "variants": (["~/no"], "{}/no is not a workdir"),
    "bias": (["--workdir=~/no"], "{}/no is not a workdir"),
    "dsprites": (["~/no.npz"], "{}/no.npz"),
    "main": (["--config=~/no.py"], "--config=~/no.py is not a Python file"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_expands_a_tilde(command, home):
    arguments, expected = COMMANDS[command]
    outcome = attempt(command, command, arguments, home)
    assert outcome.refused, outcome
    assert expected.format(home) in outcome.line
    assert not list(pathlib.Path().iterdir())


def test_an_unknown_home_folder_is_refused_in_one_line_with_the_argument(home):
    outcome = attempt("", "figures", ["~no-such-user/x"], home)
    assert outcome.refused
    assert "argument workdir: ~no-such-user/x: the home folder" in outcome.line


def test_the_cache_is_in_the_home_folder(home, monkeypatch):
    monkeypatch.delenv("DECOMP_CACHE", raising=False)
    assert cache.folder() == home / ".cache" / "decomp"
    monkeypatch.setenv("DECOMP_CACHE", "~/kept")
    assert cache.folder() == home / "kept"


def test_the_cache_in_an_unknown_home_folder_is_not_created(home, monkeypatch):
    monkeypatch.setenv("DECOMP_CACHE", "~no-such-user/kept")
    with pytest.raises(NotADirectoryError):
        (cache.folder() / "a").mkdir(parents=True)


def test_a_config_is_found_from_any_folder_unless_the_current_folder_has_it(home):
    here = pathlib.Path("configs")
    assert command_line.load_config("configs/pinwheel.py:smoke").seeds == 2
    assert "configs/pinwheel.py" in command_line.usage(["main"])
    here.mkdir()
    (here / "pinwheel.py").write_text("def get_config(): raise ValueError('mine')\n")
    with pytest.raises(ValueError, match="mine"):
        command_line.load_config("configs/pinwheel.py")


def test_the_choices_are_paths_from_the_current_folder(home):
    for folder in (home, paths.CLONE, paths.CLONE / "configs"):
        os.chdir(folder)
        with pytest.raises(ValueError, match="choices") as error:
            command_line.load_config("nothing.py")
        choices = str(error.value).partition("choices: ")[2].rstrip(".").split(", ")
        assert len(choices) > 5
        for choice in choices:
            assert pathlib.Path(choice).is_file()
            # These two would register entries for other tests, too.
            if choice.endswith(("your_own.py", "anisotropy.py")):
                continue
            assert command_line.load_config(f"{choice}:smoke").seeds > 0


# ml_collections loads the config of the second form.
@pytest.mark.parametrize("form", [["--config={}"], ["--config", "{}"]])
def test_a_sweep_starts_from_any_folder(home, form):
    words = [word.format("configs/pinwheel.py:smoke") for word in form]
    outcome = attempt("", "main", [*words, "--config.runs.devices=99"], home)
    assert outcome.code == 2
    assert "runs.devices must be at most" in outcome.line


def test_commands_have_a_type_for_paths():
    parser = commands.parser("name", "words")
    parser.add_argument("--out", type=commands.path)
    assert parser.parse_args(["--out=~"]).out == pathlib.Path.home()
