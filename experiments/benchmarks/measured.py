"""Tables of the measurements of `accelerator`, from one file of rows per device.

A file of `experiments/benchmarks/accelerators/` is the `rows.jsonl` of one device.
"""

import json
import pathlib
from typing import Any

from experiments.system import documents

FOLDER = pathlib.Path(__file__).parent / "accelerators"
_PRECISIONS = ("float32", "tf32", "bfloat16", "bfloat16_activations")
_RUNS = 32
# Rows of the other networks, with words for them.
OTHERS = {
    "rate dense 120 runs float32 auto": "16×16 images, dense networks, 120 runs",
    "rate pinwheel 1000 runs float32 auto": "pinwheel, 1,000 runs",
}
# The forms in the rows and their descriptions; the code of the `grouped` ones, which
# were slower, is gone.
FORMS = {
    "products": "`products`",
    "convolutions": "`convolutions`",
    "blocks": "`blocks`, the form of CPUs, a run at a time",
    "grouped_4x4": "4×4 convolutions, the runs as groups of channels",
    "grouped": "2×2 convolutions of 2×2 blocks of pixels, the runs as groups",
    "grouped_products": "the same, with the gradient of the kernel as products",
}


def read(path: pathlib.Path) -> dict[str, dict[str, Any]]:
    """The rows of a file by name; the last one counts."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {row["row"]: row for row in map(json.loads, lines)}


def table() -> str:
    """All tables of all devices, with a description of each device."""
    return "\n\n".join(_device(read(path)) for path in sorted(FOLDER.glob("*.jsonl")))


def _device(rows: dict[str, dict[str, Any]]) -> str:
    parts = [
        f"*{rows['device']['description']}*",
        f"A copy moves {rows['copy']['bytes_per_second'] / 1e12:.2f} TB/s, and one "
        f"large product runs at {_peaks(rows)} TFLOP/s.",
        _forms(rows),
        _runs(rows),
        _others(rows),
        _peer(rows),
        _errors(rows),
    ]
    return "\n\n".join(part for part in parts if part)


def _peaks(rows: dict[str, dict[str, Any]]) -> str:
    peaks = {
        name: rows[f"product {name}"]["flops_per_second"] / 1e12
        for name in _PRECISIONS
        if f"product {name}" in rows
    }
    return ", ".join(
        f"{rate:.0f} in {name.removesuffix('_activations')}"
        for name, rate in peaks.items()
    )


def _forms(rows: dict[str, dict[str, Any]]) -> str:
    lines = [
        [words, *(_rate(rows, _RUNS, name, form) for name in _PRECISIONS)]
        for form, words in FORMS.items()
    ]
    return documents.table([f"thousand images/s, {_RUNS} runs", *_PRECISIONS], lines)


def _runs(rows: dict[str, dict[str, Any]]) -> str:
    lines = [
        [
            "1 run" if runs == 1 else f"{runs} runs",
            *(_rate(rows, runs, name, "products") for name in _PRECISIONS),
        ]
        for runs in (1, 8, _RUNS, 100)
    ]
    return documents.table(["thousand images/s, `products`", *_PRECISIONS], lines)


def _others(rows: dict[str, dict[str, Any]]) -> str:
    lines = [
        [words, f"{rows[name]['images_per_second'] / 1e6:,.1f}"]
        for name, words in OTHERS.items()
        if "images_per_second" in rows.get(name, {})
    ]
    return documents.table(["float32", "million points/s"], lines) if lines else ""


def _rate(rows: dict[str, dict[str, Any]], runs: int, precision: str, form: str) -> str:
    row = rows.get(f"rate conv {runs} runs {precision} {form}", {})
    return _thousands(row) if row else ""


def _peer(rows: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, row in rows.items():
        if name.startswith("torch ") and "images_per_second" in row:
            _, runs, _, precision, *compiled = name.split()
            how = (
                "one network" if runs == "1" else f"`torch.func.vmap`, {runs} networks"
            )
            lines.append(
                [
                    f"{how}, {precision}{', `torch.compile`' * bool(compiled)}",
                    _thousands(row),
                ]
            )
    return documents.table(["PyTorch", "thousand images/s"], lines) if lines else ""


def _errors(rows: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, row in rows.items():
        if name.startswith("error ") and "value" in row:
            _, form, precision = name.split()
            if form in ("products", "convolutions"):
                lines.append(
                    [
                        f"`{form}`, {precision}",
                        f"{row['value']:.1e}",
                        f"{row['gradient']:.1e}",
                    ]
                )
    head = ["relative error against Flax's layers", "loss", "gradient"]
    return documents.table(head, lines) if lines else ""


def _thousands(row: dict[str, Any]) -> str:
    return f"{row['images_per_second'] / 1e3:,.0f}"
