import subprocess
import sys

import pytest

from configs import pinwheel
from experiments.config import command_line, fields, settings
from experiments.system import commands
from tests.faults.attempts import command_line_of

SMOKE = "--config=configs/pinwheel.py:smoke"


def failure(capsys, *arguments):
    """The one line on stderr that refuses a command line."""
    with pytest.raises(SystemExit) as exit_info:
        command_line.parse(["experiments/main.py", *arguments])
    output = capsys.readouterr()
    assert exit_info.value.code == 2
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("experiments.main: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ([], ["--config is missing", "configs/pinwheel.py", "shapes_student_t.py"]),
        (
            ["--config=configs/pinwhel.py"],
            ["is not a Python file", "configs/pinwheel.py"],
        ),
        (
            ["--config", "configs/none.py:smoke"],
            ["configs/none.py is not a Python file"],
        ),
        (["--config=README.md"], ["README.md", "configs/pinwheel.py"]),
        (
            ["--config=configs/pinwheel.py:smok"],
            ["unknown variant 'smok'", "laptop, authors, smoke"],
        ),
        (
            [SMOKE, "--config.train.step=1"],
            ["--config.train.step", "no field 'step'", "steps", "learning_rate"],
        ),
        ([SMOKE, "--config.trian.steps=1"], ["no field 'trian'", "train"]),
        ([SMOKE, "--config.train=1"], ["is a section", "learning_rate"]),
        ([SMOKE, "--config.seeds.more=1"], ["none, this is a value"]),
    ],
)
def test_a_wrong_command_line_ends_in_one_line_that_names_the_choices(
    capsys, arguments, parts
):
    line = failure(capsys, *arguments)
    for part in parts:
        assert part in line


def test_a_message_of_several_lines_is_printed_as_one(capsys):
    with pytest.raises(SystemExit) as exit_info:
        command_line.fail("first\n  second")
    assert exit_info.value.code == 2
    assert capsys.readouterr().err == "experiments.main: first second\n"


def test_flags_may_come_from_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["main"])
    path = tmp_path / "flags"
    path.write_text(f"{SMOKE}\n--config.seeds=7\n")
    with command_line_of([f"--flagfile={path}"]) as argv:
        assert command_line.parse(argv).config.seeds == 7
        assert sys.argv[1:] == [SMOKE, "--config.seeds=7"]


def test_a_config_is_loaded_and_checked_once(tmp_path, monkeypatch):
    configs, validate = [], settings.validate
    monkeypatch.setattr(
        settings, "validate", lambda c: configs.append(c) or validate(c)
    )
    path = tmp_path / "own.py"
    path.write_text(
        "import pathlib\n"
        "from configs import pinwheel\n"
        "def get_config(arg=''):\n"
        f"    with open({str(tmp_path / 'loads')!r}, 'a') as loads:\n"
        "        loads.write('x')\n"
        "    return pinwheel.get_config(arg)\n"
    )
    words = [f"--config={path}:smoke", "--config.seeds", "7", "--workdir=out"]
    with command_line_of(words) as argv:
        config, programs, workdir = command_line.parse(argv)
    assert (tmp_path / "loads").read_text() == "x"
    assert len(configs) == 1
    assert (config.seeds, len(programs), workdir.as_posix()) == (7, 1, "out")


CALLS_WRONGLY = """from configs import base
def get_config(arg=""):
    return base.finish(base.get_config(), 3, {})
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "it must have a function get_config; got none."),
        (
            "def get_config():\n    return 3\n",
            "its get_config must return a ConfigDict; got int.",
        ),
        # The error is raised in configs/base.py, but the line is that of this file.
        (CALLS_WRONGLY, "AttributeError in line 3: 'int' object has no attribute"),
        ("x = 1\ndef (\n", "SyntaxError: invalid syntax"),
    ],
)
def test_a_file_without_a_config_is_refused_with_the_line_to_mend(
    tmp_path, text, message
):
    path = tmp_path / "own.py"
    path.write_text(text)
    with pytest.raises(ValueError, match="own.py") as error:
        command_line.load_config(str(path))
    assert str(error.value).startswith(f"--config={path}: {message}")


def test_the_config_of_a_finished_sweep_must_run(tmp_path):
    path = tmp_path / "own.py"
    path.write_text("x = 1\nx.y\n")
    parser = commands.parser("name", "description")
    command_line.add_config(parser)
    with pytest.raises(ValueError, match="own.py: AttributeError in line 2: 'int'"):
        parser.parse_args([f"--config={path}"])
    path.write_text("x = 1\n")
    assert parser.parse_args([f"--config={path}"]).config == path


@pytest.mark.parametrize("word", ["--config.tensorboard", "--config.tensorboard=True"])
def test_a_field_of_true_or_false_needs_no_value(word):
    config, _ = command_line.config_of(["plan", SMOKE, word, "--config.seeds=3"])
    assert config.tensorboard is True
    assert config.seeds == 3


def test_nothing_after_the_equals_sign_is_an_empty_tuple(capsys):
    config, _ = command_line.config_of(["plan", SMOKE, "--config.figures="])
    assert config.figures == ()
    line = failure(capsys, SMOKE, "--config.objective.beta=")
    assert "objective.beta must have at least one value; got none." in line


def test_a_file_of_flags_that_does_not_exist_is_refused_in_one_line(capsys):
    assert "flagfile" in failure(capsys, "--flagfile=no_such_file")


@pytest.mark.parametrize("flag", ["--help", "-h", "--helpfull"])
def test_help_explains_the_command(capsys, flag):
    with pytest.raises(SystemExit) as exit_info:
        command_line.parse(["experiments/main.py", flag])
    assert exit_info.value.code == 0
    text = capsys.readouterr().out
    for part in ("usage: python -m experiments.main", "configs/pinwheel.py", "smoke"):
        assert part in text


def test_help_lists_the_fields_in_a_form_that_can_be_typed():
    text = command_line.usage(
        ["main", "--help", "--config=configs/shapes_student_t.py:smoke"]
    )
    assert "--config.prior.df=100.0,inf" in text
    assert "--config.train.steps=4" in text
    assert "--config.model.network=conv" in text


def test_help_describes_each_field_and_its_choices():
    text = command_line.usage(["main", "--help", "--config=configs/pinwheel.py"])
    lines = text.splitlines()
    for name, field in fields.described().items():
        if name in ("title", "variant", "deviations"):
            continue
        (place,) = [
            i for i, line in enumerate(lines) if line.startswith(f"  --config.{name}=")
        ]
        assert lines[place + 1].startswith(8 * " " + field.help[:1].upper()), name
    words = " ".join(text.split())
    assert "One of adam, amsgrad_torch." in words
    assert "Any of isotropic, pca, learned, student_t," in words


@pytest.mark.parametrize(
    ("argv", "value"),
    [
        (["main", SMOKE], "configs/pinwheel.py:smoke"),
        (["main", "--config", "a.py:b", "--workdir=c"], "a.py:b"),
        (["main", "--config.seeds=3", "-config=a.py"], "a.py"),
    ],
)
def test_the_config_is_found_among_the_arguments(argv, value):
    assert command_line.config_argument(argv) == value


def test_the_default_workdir_is_named_after_the_config():
    names = {
        "configs/pinwheel.py": "results/pinwheel",
        "configs/pinwheel.py:smoke": "results/pinwheel-smoke",
        "a/b.py:laptop,smoke": "results/b-laptop-smoke",
    }
    for argument, expected in names.items():
        assert command_line.default_workdir(argument).as_posix() == expected


def test_the_config_of_an_argument_is_that_of_its_file():
    config = command_line.load_config("configs/pinwheel.py:smoke")
    assert config.to_dict() == pinwheel.get_config("smoke").to_dict()


def test_the_config_of_a_command_line_has_the_typed_values():
    arguments = ["--config=configs/sparse.py:smoke", "--config.seeds", "3"]
    arguments += ["--config.model.hidden=7,8", "--config.train.batch_size=8,16"]
    config, _ = command_line.config_of(["plan", *arguments])
    assert config.seeds == 3
    assert config.model.hidden == (7, 8)
    assert config.train.batch_size == (8, 16)  # the batch size is swept
    config, _ = command_line.config_of(["plan", *arguments[:1]])
    assert config.seeds == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--config is missing"),
        (["--config=configs/pinwheel.py", "more"], "unexpected argument 'more'"),
        (["--config=configs/pinwheel.py", "--workdir=x"], "workdir"),
        (["--config=configs/pinwheel.py", "--config.seeds=0"], "seeds must be"),
    ],
)
def test_the_config_of_a_wrong_command_line_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        command_line.config_of(["plan", *arguments])


def test_arguments_that_are_no_flags_are_refused():
    with pytest.raises(ValueError, match="unexpected argument 'extra'"):
        command_line.config_of(["plan", SMOKE, "extra"])


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "experiments.main", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_misspelt_variant_ends_the_program_in_one_line(tmp_path):
    process = command(
        "--config=configs/pinwheel.py:smok", f"--workdir={tmp_path / 'w'}"
    )
    assert process.returncode == 2
    assert process.stdout == ""
    assert len(process.stderr.splitlines()) == 1
    assert "laptop, authors, smoke" in process.stderr
    assert not (tmp_path / "w").exists()
