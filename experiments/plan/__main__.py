"""Estimates what a sweep takes on an accelerator, by compiling it without having one.

    python -m experiments.plan --config=configs/shapes_anisotropic.py --device=h100
    ... --device=h100,v5e --devices=8 --config.model.precision=float32,bfloat16

The command prints a row for each program of the sweep once it is compiled: how many
runs are trained at once, the bytes and FLOPs of a step, and how long the sweep takes on
the given number of devices. Times are estimates, whose assumptions are listed below the
table. Swept fields, such as --config.model.precision=float32,bfloat16, give rows to
compare.
"""

import argparse
import logging
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
from ml_collections import ConfigDict

from experiments.config import command_line, fields, settings
from experiments.plan import accelerators, forecast
from experiments.plan.accelerators import ACCELERATORS, Accelerator
from experiments.plan.forecast import Forecast
from experiments.sweep import layout
from experiments.system import atomic_files, commands, devices
from experiments.system.terminal import counted, duration, say

_SHARE = 0.6  # of the estimated rate that is assumed; an H200 reached 63 to 81 %
_COLUMNS = {  # columns of the table, with their widths
    "runs": 8,
    "batch": 6,
    "at once": 8,
    "a run": 9,
    "kernels": 8,
    "moved": 9,
    "FLOPs": 8,
    "step": 10,
    "a second": 10,
    "time": 9,
    "likely": 9,
}


@commands.command("experiments.plan")
def main(arguments: Sequence[str] | None = None) -> int:
    """Prints each row once its program is compiled; returns 2 if none compiles."""
    options, rest = _parser().parse_known_args(arguments)
    jax.config.update(
        "jax_platforms", "cpu"
    )  # the CPU compiles, whatever devices exist
    devices.use_float32()
    config, programs = command_line.config_of(["experiments.plan", *rest])
    targets = {name: ACCELERATORS[name] for name in options.device}
    chips = {name: accelerators.devices(one) for name, one in targets.items()}
    say(_introduction(config, programs, options))
    records = []
    for name, accelerator in targets.items():
        say(f"\n{options.devices} × {accelerator.label}\n\n{_head(config, programs)}")
        compiled = []
        for label, one in _rows(config, programs, accelerator, chips[name], options):
            compiled.append(one)
            record = {"device": name, "program": label, **_record(one, options.share)}
            records.append(record)
            if (
                options.json
            ):  # write now, as the next program may take long or be stopped
                atomic_files.write_json(options.json, records)
        say("\n" + _facts(compiled, accelerator, options.share))
    if records:
        say("\n" + _legend(options.share))
    return 0 if records else 2


def _rows(
    config: ConfigDict,
    programs: list[settings.ProgramSettings],
    accelerator: Accelerator,
    chips: list[Any],
    options: argparse.Namespace,
) -> Iterator[tuple[str, Forecast]]:
    """Prints what each program takes, or why it does not compile."""
    width = _width(config, programs)
    for program in programs:
        label = _label(config, program)
        try:
            sweep = layout.outline(program, accelerator.backend)
            one = forecast.make(sweep, accelerator, chips, options.devices)
        except (ValueError, jax.errors.JaxRuntimeError) as error:
            reason = " ".join(str(error).split())
            alone = len(programs) * len(options.device) == 1
            if alone and isinstance(error, ValueError):
                raise
            say(f"{label:<{width}}  does not compile: {reason[:300]}")
            continue
        say(f"{label:<{width}}{_cells(one, options.share)}")
        for problem in _problems(one, accelerator):
            say(f"{'':<{width}}  {problem}")
        yield label, one


def _introduction(
    config: ConfigDict,
    programs: list[settings.ProgramSettings],
    options: argparse.Namespace,
) -> str:
    rows = len(settings.rows(programs))
    return (
        f"{config.title}\n"
        f"  {rows * config.seeds:,} runs = {counted(rows, 'setting')} × "
        f"{counted(config.seeds, 'seed')}, compiled by jax {jax.__version__} for "
        f"{', '.join(options.device)}; nothing is run"
    )


def _label(config: ConfigDict, program: settings.ProgramSettings) -> str:
    """The values that distinguish the program from others of the sweep."""
    names = settings.own_programs(config)
    values = (fields.get(program.config, name) for name in names)
    return ", ".join(str(fields.shown(value)) for value in values) or "the sweep"


def _width(config: ConfigDict, programs: list[settings.ProgramSettings]) -> int:
    return max(len("program"), *(len(_label(config, one)) for one in programs))


def _head(config: ConfigDict, programs: list[settings.ProgramSettings]) -> str:
    cells = "".join(f"{name:>{size}}" for name, size in _COLUMNS.items())
    return f"{'program':<{_width(config, programs)}}{cells}"


def _cells(one: Forecast, share: float) -> str:
    values = (
        f"{one.runs:,}",
        f"{one.batch_size:,}",
        f"{one.block // one.devices:,}",
        _scaled(one.bytes_per_run, "B"),
        f"{one.step.kernels:,}",
        _scaled(one.step.bytes / one.examples, "B"),
        _scaled(one.step.flops / one.examples, ""),
        f"{1e3 * one.step.seconds:.3g} ms",
        _scaled(one.examples / one.step.seconds, ""),
        duration(3600 * one.hours),
        duration(3600 * one.hours / share),
    )
    pairs = zip(values, _COLUMNS.values(), strict=True)
    return "".join(f"{value:>{size}}" for value, size in pairs)


def _scaled(value: float, unit: str) -> str:
    """A number with three digits and one of the prefixes k, M, G and T.

    >>> _scaled(11_831_264.25, "B")
    '11.8 MB'
    """
    prefixes = ["", "k", "M", "G", "T"]
    while value >= 999.5 and len(prefixes) > 1:
        value, prefixes = value / 1000, prefixes[1:]
    return f"{value:.3g} {prefixes[0]}{unit}".rstrip()


def _problems(one: Forecast, accelerator: Accelerator) -> Iterator[str]:
    """Warnings about a program."""
    if not one.fits:
        yield (
            f"does not fit: {_scaled(one.bytes_used, 'B')} of "
            f"{_scaled(accelerator.memory, 'B')}; --config.runs.block takes fewer runs"
        )
    if one.collectives:
        yield f"has collectives: {', '.join(one.collectives)}"
    if not one.donated:
        yield "copies its state in each call, as the state is not donated"
    if one.libraries:
        calls = (f"{name} × {count}" for name, count in one.libraries.items())
        yield f"calls libraries: {', '.join(calls)}"
    if one.step.unestimated:
        yield f"kernels whose cycles XLA does not estimate: {one.step.unestimated}"


def _facts(
    forecasts: Sequence[Forecast], accelerator: Accelerator, share: float
) -> str:
    """Facts about all programs on a device, and the assumptions of the estimates."""
    if not forecasts:
        return ""
    memory = _scaled(max(one.bytes_used for one in forecasts), "B")
    limit = _scaled(accelerator.memory, "B")
    facts = {
        "at once": f"with the data they take {memory} of the {limit} that JAX may take",
        "step": _assumption(accelerator),
    }
    if all(one.donated and not one.collectives for one in forecasts):
        which = "each of these compiles" if len(forecasts) > 1 else "it compiles"
        words = f"{which}, with no collective, and updates its state in place"
        facts = {"program": words} | facts
    if len(forecasts) > 1:
        seconds = 3600 * sum(one.hours for one in forecasts)
        facts |= {"time": f"{duration(seconds)} for all programs"}
        facts |= {"likely": f"{duration(seconds / share)} for all programs"}
    return _lines(facts)


def _legend(share: float) -> str:
    """The meaning of the columns."""
    return _lines(
        {
            "batch": "examples per run and step",
            "at once": "runs that a device trains together: those that fit it, or its "
            "share of runs.block",
            "a run": "memory per run",
            "kernels": "kernels that a step of all these runs starts",
            "moved": "bytes from and to the device's memory, per example",
            "FLOPs": "FLOPs of products and convolutions, per example",
            "a second": "examples per second, of all runs of a device",
            "time": "time of training at that rate, without compiling, scores and "
            "figures",
            "likely": f"the time at {share:.0%} of that rate (--share); an H200 "
            "reached 63 to 81% of it, and no other device was measured",
        }
    )


def _lines(facts: Mapping[str, str]) -> str:
    return "\n".join(
        textwrap.fill(f"  {name:<10}{text}", 100, subsequent_indent=" " * 12)
        for name, text in facts.items()
    )


def _assumption(accelerator: Accelerator) -> str:
    bandwidth = accelerator.bandwidth / 1e12
    if accelerator.clock:
        return (
            f"takes the cycles that XLA estimates for its kernels, at "
            f"{accelerator.clock / 1e9} GHz, or its bytes at {bandwidth:.3g} TB/s if "
            "they take longer"
        )
    peaks = ", ".join(
        f"{name} {peak / 1e12:.3g}" for name, peak in accelerator.peaks.items()
    )
    return (
        f"each kernel takes the larger of its bytes at {bandwidth:.3g} TB/s and its "
        f"FLOPs at the peak ({peaks} TFLOP/s), and "
        f"{1e6 * accelerator.kernel_seconds:.0f} µs to start"
    )


def _record(one: Forecast, share: float) -> dict[str, Any]:
    """A row with all its numbers, for --json."""
    record = one._asdict()
    step = record.pop("step")
    return record | {
        "kernels": step.kernels,
        "bytes_per_example": step.bytes / one.examples,
        "flops_per_example": step.flops / one.examples,
        "seconds_per_step": step.seconds,
        "examples_per_second": one.examples / step.seconds,
        "hours": one.hours,
        "likely_hours": one.hours / share,
    }


def _device_names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in ACCELERATORS:
            choices = ", ".join(ACCELERATORS)
            raise argparse.ArgumentTypeError(
                f"must be any of {choices}; got {name or 'nothing'}."
            )
    return list(dict.fromkeys(names))


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"must be a share in (0, 1]; got {text}.")
    return share


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser(
        "experiments.plan",
        "Compiles a sweep for an accelerator that you need not have, and estimates it.",
        allow_abbrev=False,
        epilog="--config=FILE and --config.FIELD=VALUE are those of experiments.main.",
    )
    parser.add_argument(
        "--device",
        type=_device_names,
        required=True,
        metavar="NAME[,NAME]",
        help=f"any of {', '.join(ACCELERATORS)}",
    )
    parser.add_argument(
        "--devices", type=commands.whole(1), default=1, help="number of devices (1)"
    )
    parser.add_argument(
        "--share",
        type=_share,
        default=_SHARE,
        help=f"share of the estimated rate that is reached ({_SHARE})",
    )
    parser.add_argument(
        "--json", type=commands.file, metavar="FILE", help="file for all numbers"
    )
    return parser


if __name__ == "__main__":
    logging.getLogger("jax").setLevel(logging.ERROR)
    sys.exit(main())
