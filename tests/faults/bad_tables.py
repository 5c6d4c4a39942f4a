"""Arrays that cannot be scored, and workdirs and options that must be refused."""

import json

import numpy as np

from tests.faults import damage
from tests.faults.damage import BadInput, flipped

_CONFIG = {"figures": ["scores_by_setting"], "figure_line": "beta"}
_COMMANDS = {
    "figures": ("{}/w",),
    "variants": ("{}/w",),
    "bias": ("--workdir={}/w",),
}


def bad_inputs() -> list[BadInput]:
    """All bad inputs, with the words that refuse them."""
    return [*_codes(), *_workdirs(), *_options()]


def _codes() -> list[BadInput]:
    good = damage.codes()
    codes, factors = good["codes"], good["factors"]
    whole = damage.npz(good)
    archives = [
        ("empty", b"", "expected an intact file; got the error"),
        ("cut", whole[:-40], "expected an intact file; got the error"),
        ("flipped", flipped(whole, 300), "Bad CRC-32"),
        ("absent", damage.npz({"codes": codes}), "expected arrays codes and factors"),
        (
            "bomb",
            damage.bomb("codes.npy", b"", 64, {"factors.npy": b""}),
            "magic string",
        ),
        *(
            (name, damage.npz(good | change), words)
            for name, change, words in (
                ("NaN", {"codes": codes * np.nan}, "codes [N, D] must be finite"),
                ("text", {"codes": codes.astype(str)}, "codes [N, D] must be numbers"),
                ("fewer", {"factors": factors[:9]}, "64 codes and 9 rows of factors"),
                ("flat", {"codes": codes[:, 0]}, "codes must have the shape [N, D]"),
                ("pickled", {"codes": np.array([{}])}, "pickled objects"),
                ("scales", {"scales": -(codes**2)}, "scales [N, D] must be positive"),
            )
        ),
    ]
    headers = [
        ("object", damage.declaring("(9,)", "'|O'"), "pickled objects"),
        ("huge", damage.declaring("(9999999999, 99999)"), "bytes behind the header"),
        ("negative", damage.declaring("(-1,)"), "expected extents of 0 and above"),
        ("deep", damage.npy_header("(" * 9000), "expected an intact file"),
        ("long", damage.npy_header("x" * 60000), "expected a header of 10,000 bytes"),
        ("code", damage.npy_header("__import__('os').abort()"), "expected an intact"),
        ("version", b"\x93NUMPY\x09\x00", "expected .npy version 1, 2 or 3"),
        ("folder", None, "expected a file; got a folder"),
    ]
    return [
        *(
            BadInput(
                f"score .npz {name}",
                "score",
                ("--arrays={}/a.npz", "--fast", "--out={}/out"),
                {"a.npz": content},
                words,
            )
            for name, content, words in archives
        ),
        *(
            BadInput(
                f"score .npy {name}",
                "score",
                ("--codes={}/a.npy", "--factors={}/b.npy", "--out={}/out"),
                {"a.npy" if content else "a.npy/x": content or b"", "b.npy": b""},
                words,
            )
            for name, content, words in headers
        ),
        BadInput(
            "score no file", "score", ("--arrays={}/a.npz",), {}, "expected a file"
        ),
        BadInput(
            "score csv", "score", ("--arrays={}/a.csv",), {}, "expected a file .npz"
        ),
        BadInput(
            "score nothing",
            "score",
            (),
            {},
            "expected either --codes and --factors, or",
        ),
        BadInput(
            "score option", "score", ("--fats",), {}, "unrecognized arguments: --fats"
        ),
        BadInput(
            "score seed", "score", ("--seed=-1",), {}, "must be a whole number from 0"
        ),
    ]


def _workdirs() -> list[BadInput]:
    config = json.dumps(_CONFIG).encode()
    stray = {"w/config.json": config}
    both = [
        ("absent", {}, ""),
        ("a file", {"w": b""}, ""),
        ("empty config", {"w/config.json": b""}, "config.json"),
        ("no object", {"w/config.json": b"[]"}, "config.json"),
        ("deep config", {"w/config.json": b"[" * 100_000}, "config.json"),
        ("binary config", {"w/config.json": bytes(range(256))}, "config.json"),
    ]
    named = json.dumps(_CONFIG | {"figures": ["pie"]}).encode()
    figures = [
        ("unknown figure", {"w/config.json": named}, "unknown figure 'pie'; available"),
        (
            "odd figures",
            {"w/config.json": b'{"figures": [[1]]}'},
            "a list of names 'figures'",
        ),
        ("settings", stray | {"w/settings.json": b"3"}, "settings.json cannot be read"),
        (
            "summary",
            stray | {"w/summary.csv": b"a,b\n1\n"},
            "summary.csv cannot be read",
        ),
        ("scores", stray | {"w/scores.csv": b"run\nx\n"}, "scores.csv cannot be read"),
        ("binary", stray | {"w/scores.csv": bytes(range(256))}, "scores.csv cannot"),
        ("pictures", stray | {"w/pictures.npz": b"PK"}, "pictures.npz cannot be read"),
        (
            "pickled",
            stray | {"w/pictures.npz": damage.npz({"density": np.array([{}])})},
            "pickled objects",
        ),
    ]
    other = stray | {"w/config.json": b'{"prior": 3}'}
    old = [("other config", other, "expected a config of this version")]
    return [
        BadInput(f"{command} {name}", command, arguments, files, words)
        for command, arguments in _COMMANDS.items()
        for name, files, words in both + (figures if command == "figures" else old)
    ]


def _options() -> list[BadInput]:
    head = "run,seed,metric,variant,value\n"
    redraw = ("{}/w", "--redraw")
    return [
        BadInput("variants no table", "variants", redraw, {"w/x": b""}, "variants.csv"),
        *(
            BadInput(
                f"variants {name}", "variants", redraw, {"w/variants.csv": text}, words
            )
            for name, text, words in (
                ("empty", b"", "variants.csv: expected a table"),
                ("no column", b"run\n1\n", "there is no column 'metric'"),
                ("text", f"{head}0,0,mig,a,x\n".encode(), "expected a table"),
                ("binary", bytes(range(256)), "variants.csv: expected a table"),
            )
        ),
        BadInput(
            "variants option", "variants", ("w", "--runs=0"), {}, "whole number from 1"
        ),
        BadInput("variants nothing", "variants", (), {}, "required: workdir"),
        BadInput("figures nothing", "figures", (), {}, "required: workdir"),
        BadInput(
            "bias nothing", "bias", (), {}, "one of the arguments --workdir --synth"
        ),
        *(
            BadInput(f"bias {text}", "bias", ("--synthetic", text), {}, words)
            for text, words in (
                ("--points=1", "--points: must be a whole number from 2"),
                ("--samples=many", "--samples: must be a whole number from 1"),
                ("--batches=0", "--batches must be whole numbers from 1"),
                ("--batches=99999", "--batches must be whole numbers from 1 to 2000"),
                (
                    "--seed=99999999999999999999",
                    "--seed: must be a whole number from 0",
                ),
            )
        ),
    ]
