"""The command that plans a sweep; the slow tests compile for an accelerator."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import pytest

from configs import shapes_anisotropic
from experiments.config import settings
from experiments.plan import __main__ as plan
from experiments.plan import accelerators, forecast
from experiments.plan.accelerators import ACCELERATORS
from experiments.sweep import layout

ROOT = pathlib.Path(__file__).parent.parent.parent
LAPTOP = "--config=configs/shapes_anisotropic.py:laptop"
MISSING = accelerators.missing(ACCELERATORS["h100"])
needs_compiler = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([LAPTOP], "--device"),
        ([LAPTOP, "--device=h101"], "must be any of h100, h200, a100, v5e, v5p, v6e"),
        ([LAPTOP, "--device=h100,"], "got nothing"),
        ([LAPTOP, "--device=h100", "--devices=0"], "must be a whole number from 1"),
        ([LAPTOP, "--device=h100", "--share=1.5"], "must be a share in (0, 1]"),
        (["--device=h100"], "--config is missing"),
        (["--device=h100", "--config=configs/none.py"], "is not a Python file"),
        ([LAPTOP, "--device=h100", "--config.sede=1"], "there is no field 'sede'"),
        ([LAPTOP, "--device=h100", "--config.seeds=0"], "seeds must be a finite"),
        ([LAPTOP, "--device=h100", "more"], "unexpected argument 'more'"),
    ],
)
def test_a_bad_command_line_is_refused_in_one_line(arguments, words, capsys):
    assert plan.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("experiments.plan: ")
    assert words in error
    assert error.count("\n") == 1


@pytest.mark.skipif(not MISSING, reason="the compiler is installed")
def test_a_missing_compiler_is_named_with_the_command_that_installs_it(capsys):
    assert plan.main([LAPTOP, "--device=h100"]) == 2
    error = capsys.readouterr().err
    version = jax.__version__
    packages = f"jax-cuda12-pjrt=={version} jax-cuda12-plugin=={version}"
    assert f"pip install --no-deps --target=.venv/xla {packages}" in error
    assert error.count("\n") == 1


def test_a_gpu_is_described_with_its_facts():
    text = accelerators.description(ACCELERATORS["a100"])
    for fact in ("core_count: 108", "memory_bandwidth: 2039000000000", "major: 8 "):
        assert fact in text
    assert text.count("{") == text.count("}")
    assert "device_memory_size: 85100068864" in text


def outline(**changes):
    plan_config = shapes_anisotropic.get_config("laptop,smoke")
    with plan_config.unlocked():
        plan_config.prior.name = ("isotropic",)
        plan_config.seeds = 10
        for name, value in changes.items():
            plan_config.runs[name] = value
    _, (program,) = settings.validate(plan_config)
    return layout.outline(program, "cpu")


# The devices of this machine stand in: two settings of ten seeds, on two devices.
@pytest.mark.parametrize(
    ("changes", "count", "block", "blocks", "devices"),
    [
        pytest.param({}, 2, 20, 1, 2, marks=pytest.mark.slow),
        ({"block": 6}, 2, 6, 4, 2),  # three runs per device; the last block is padded
        pytest.param({"block": 7}, 3, 6, 4, 3, marks=pytest.mark.slow),
        ({"block": 3, "devices": 1}, 4, 3, 7, 1),
    ],
)
def test_blocks_are_trained_one_after_another(changes, count, block, blocks, devices):
    accelerator = ACCELERATORS["h100"]
    block_plan = forecast.make(
        outline(**changes), accelerator, jax.devices()[:2], count
    )
    assert (block_plan.runs, block_plan.block, block_plan.blocks) == (20, block, blocks)
    assert block_plan.devices == devices
    assert block_plan.examples == block // devices * 16
    assert block_plan.hours == pytest.approx(
        blocks * 4 * block_plan.step.seconds / 3600
    )
    assert block_plan.donated
    assert block_plan.fits
    assert block_plan.collectives == []
    # The state has parameters and the two means of Adam.
    assert block_plan.bytes_per_run > layout.state_bytes(outline())


def test_a_block_that_does_not_fit_is_reported():
    tiny = ACCELERATORS["h100"]._replace(memory=1000)
    block_plan = forecast.make(outline(block=4), tiny, jax.devices()[:2], 2)
    assert not block_plan.fits
    words = "\n".join(plan._problems(block_plan, tiny))
    assert words.startswith("does not fit: ")
    assert "of 1 kB" in words


def planned(tmp_path, *arguments):
    """Rows and output of the command in a process that compiles as users do."""
    path = tmp_path / "plan.json"
    command = [sys.executable, "-m", "experiments.plan", *arguments, f"--json={path}"]
    environment = os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "0"}
    environment.pop("XLA_FLAGS", None)
    process = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    return json.loads(path.read_text()), process.stdout


@pytest.mark.slow
@needs_compiler
def test_the_dense_program_compiles_for_an_h100(tmp_path):
    # With so many runs, the memory decides how many are trained at once.
    (row,), output = planned(tmp_path, LAPTOP, "--device=h100", "--config.seeds=20_000")
    assert "it compiles, with no collective, and updates its state in place" in output
    assert row["collectives"] == []
    assert row["donated"]
    assert row["libraries"] == {}
    assert row["runs"] == 120_000
    assert 1 < row["blocks"] < 20
    assert row["fits"]
    # The backward pass costs twice the forward pass, without the gradient of images.
    sizes = [(256, 128), (128, 128), (128, 20), (10, 128), (128, 128), (128, 256)]
    products = sum(rows * columns for rows, columns in sizes)
    assert row["flops_per_example"] == 2 * (3 * products - 256 * 128)
    # A run holds parameters, two means of Adam, and activations of a batch of 64.
    assert 12 * 103_000 < row["bytes_per_run"] < 3_000_000


@pytest.mark.slow
@needs_compiler
def test_the_convolutional_program_compiles_for_an_h100(tmp_path):
    (row,), _ = planned(
        tmp_path,
        "--config=configs/shapes_anisotropic.py",
        "--device=h100",
        "--config.prior.name=isotropic",
        "--config.objective.beta=1",
        "--config.seeds=8",
    )
    assert row["collectives"] == []
    assert row["donated"]
    assert row["libraries"] == {}  # no convolution by cuDNN
    assert row["fits"]
    assert row["block"] == 8
    # 20.7 million multiply-adds forward, and twice as many backward.
    assert 6 * 20.7e6 < row["flops_per_example"] < 7 * 20.7e6
    assert row["bytes_per_run"] < 130 * 2**20
    assert row["bytes_per_example"] < 13e6
