"""A quarter of an hour on an accelerator: its speed, its accuracy, and Figure 1.

    python -m experiments.benchmarks.accelerator --out=results/accelerator --minutes=12

The stages, most valuable first, are: the device and its peaks; images per second for
every form of the convolutions, precision and number of runs; value and gradient of
every form against those of Flax on the host; images per second of PyTorch; and in the
remaining time Figure 1, at 64×64 with the networks of Table 1a, isotropic against
learned, and at 16×16 for the twenty epochs of the paper. Every row is written to
`rows.jsonl` when it is finished; a second call skips the rows in that file. `--smoke`
rehearses everything on any machine in minutes.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from decomp.networks import conv_vae
from decomp.networks.convolution import FORMS
from experiments.benchmarks import machine, measured, naive, programs
from experiments.benchmarks.programs import WORKS, Ours
from experiments.config import command_line
from experiments.models.networks import PRECISIONS
from experiments.system import commands
from experiments.system.terminal import say

_CONFIG = "configs/shapes_anisotropic.py"
_RUNS = 32  # runs trained together when forms are compared
_OTHER_RUNS = (1, 8, 100)
_SIDE = 8192  # of the matrices whose product gives the peak


class Session(NamedTuple):
    """The options and the deadline of a call."""

    folder: pathlib.Path
    ends: float  # time.monotonic() at which it must have ended
    smoke: bool
    seconds: float  # per measurement

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.ends - time.monotonic()

    @property
    def file(self) -> pathlib.Path:
        return self.folder / "rows.jsonl"


@commands.command("experiments.benchmarks.accelerator")
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the stages while there is time; returns 0."""
    options = _parser().parse_args(arguments)
    folder = pathlib.Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    session = Session(
        folder,
        time.monotonic() + 60 * options.minutes,
        options.smoke,
        0.1 if options.smoke else 0.6,
    )
    # The processes of later stages need the device's memory too.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    for name in options.stages or STAGES:
        needed, stage = STAGES[name]
        if session.left < needed and not options.smoke:
            say(f"{name}: skipped, as only {session.left:.0f} s are left")
            continue
        say(f"{name}: {session.left:.0f} s left")
        stage(session)
    return 0


def device(session: Session) -> None:
    """The device, and its peaks: bytes moved and products per second."""
    _row(session, "device", lambda: {"description": machine.description()})
    side = 256 if session.smoke else _SIDE

    def copied() -> dict[str, Any]:
        x = jnp.ones((16 * side, side))
        seconds = _seconds(session, lambda x: x + 1.0, x)
        return {"bytes_per_second": 2 * x.nbytes / seconds}

    _row(session, "copy", copied)
    for name, precision in PRECISIONS.items():
        dtype = jnp.bfloat16 if "activations" in name else jnp.float32
        if name not in _precisions() or name == "bfloat16":
            continue

        def product(precision: Any = precision, dtype: Any = dtype) -> dict[str, Any]:
            x = jax.random.normal(jax.random.key(0), (side, side), dtype)
            option = None if dtype == jnp.bfloat16 else precision
            seconds = _seconds(
                session, lambda x: jnp.matmul(x, x, precision=option) / side, x
            )
            return {"flops_per_second": 2 * side**3 / seconds}

        _row(session, f"product {name}", product)


def forms(session: Session) -> None:
    """Relative errors of the loss and of its gradient, for three runs.

    Every form is checked in float32, and only the fastest form in other precisions.
    """
    plain = naive.PlainEncoder(), naive.PlainDecoder()
    keys = jax.random.split(jax.random.key(0), 3)
    rng = np.random.default_rng(0)
    x = (rng.random((3, 16, 4096)) < 0.1).astype(np.float32)
    z = rng.normal(size=(3, 16, 10)).astype(np.float32)
    host = jax.local_devices(backend="cpu")[0]
    with jax.default_device(host):
        params = jax.jit(
            jax.vmap(lambda key: (plain[0].init(key, x[0]), plain[1].init(key, z[0])))
        )(keys)
        exact = jax.device_get(jax.jit(_value_and_gradient(*plain))(params, x, z))
        params = jax.device_get(params)
    for name in _precisions():
        for form in FORMS if name == "float32" else (fastest(session, name),):

            def errors(form: str = form, name: str = name) -> dict[str, Any]:
                options = {"form": form, "precision": PRECISIONS[name]}
                ours = conv_vae.ConvEncoder(**options), conv_vae.ConvDecoder(**options)
                function = jax.jit(_value_and_gradient(*ours))
                value, gradient = jax.device_get(function(params, x, z))
                return {
                    "value": _relative(value, exact[0]),
                    "gradient": _relative(gradient, exact[1]),
                }

            _row(session, f"error {form} {name}", errors)


def rates(session: Session) -> None:
    """Images per second of our step: gather, unpack, loss, gradient, Adam."""
    work = WORKS["conv"]
    # `blocks` trains a run at a time and is the form of CPUs alone.
    forms = [form for form in FORMS if form != "blocks"]
    compared = forms if not session.smoke else ("products",)
    names, states = _precisions(), {}
    for name in names:
        for form in compared if name != "bfloat16" else ("products",):
            _rate(session, "conv", work, _RUNS, name, form, states)
    for name in names[-2:0:-1]:
        best = fastest(session, name)
        for count in _OTHER_RUNS:
            _rate(session, "conv", work, count, name, best, states)
    _rate(session, "dense", WORKS["dense"], 120, "float32", "auto", states)
    _rate(session, "pinwheel", WORKS["pinwheel"], 1000, "float32", "auto", states)


def fastest(session: Session, precision: str) -> str:
    """The form with the most images per second in a precision, by the rows so far."""
    speeds = {
        form: row["images_per_second"]
        for form in FORMS
        if "images_per_second"
        in (row := _read(session).get(_rate_name("conv", _RUNS, precision, form), {}))
    }
    return max(speeds, key=lambda form: speeds[form]) if speeds else "products"


def peer(session: Session) -> None:
    """PyTorch: one network, or many by `torch.func.vmap`, compiled or not."""
    for runs, precision, compiled in (
        (1, "tf32", True),
        (_RUNS, "tf32", False),
        (1, "bfloat16", True),
        (_RUNS, "tf32", True),
        (1, "tf32", False),
    ):
        options = [f"--precision={precision}"] + ["--compile"] * compiled

        def timed(runs: int = runs, options: list[str] = options) -> dict[str, Any]:
            return {"images_per_second": _torch(session, runs, options)}

        how = " compiled" if compiled else ""
        _row(session, f"torch {runs} runs {precision}{how}", timed)


def figure(session: Session) -> None:
    """Figure 1 at 64×64 with Table 1a: isotropic against learned, with scores.

    Blocks of ten pairs of seeds are trained one after another, and those that end
    before the time does are kept. Forty pairs at 29,900 steps (2.6 epochs) decide R3.
    """
    precision = "bfloat16_activations"
    fields = {
        "prior.name": "isotropic,learned",
        "objective.beta": 1.0,
        "seeds": 2 if session.smoke else 40,
        "train.steps": 4 if session.smoke else 29_900,
        "train.learning_rate": 5e-4,
        "model.precision": precision,
        "model.form": fastest(session, precision),
        "runs.block": 20,
    }
    variant = ":smoke" if session.smoke else ""
    scoring = {} if session.smoke else _scored_as_the_laptop_s()
    config = f"{_CONFIG}{variant}"
    share = 0.6 if session.left > 300 else 1.0
    _sweep(session, "figure_1_64", config, {**fields, **scoring}, share)


def paper_length(session: Session) -> None:
    """The laptop variant for the paper's twenty epochs and at its learning rate."""
    seeds, runs = 2 if session.smoke else 20, 120
    rate = _read(session).get(_rate_name("dense", runs, "float32", "auto"), {})
    each = 20 * 737_280 / rate.get("images_per_second", 1e6)  # seconds per run
    fields: dict[str, Any] = {
        "seeds": seeds,
        "train.steps": 4 if session.smoke else 0,
        "train.learning_rate": 1e-4,
    }
    if runs * each > session.left - 90:
        fields |= {"prior.name": "isotropic,learned", "objective.beta": 1.0}
        runs = 2 * seeds
    fields["runs.block"] = runs
    variant = ":laptop,smoke" if session.smoke else ":laptop"
    config = f"{_CONFIG}{variant}"
    _sweep(session, "figure_1_16", config, fields)


# Each stage, with the seconds that must be left for it to start.
STAGES: dict[str, tuple[float, Callable[[Session], None]]] = {
    "device": (10, device),
    "rates": (30, rates),
    "forms": (30, forms),
    "peer": (60, peer),
    "figure": (120, figure),
    "paper_length": (100, paper_length),
}


def _scored_as_the_laptop_s() -> dict[str, Any]:
    """The fields of the laptop variant that concern its scores."""
    laptop = command_line.load_config(f"{_CONFIG}:laptop").evaluate
    names = ("points", "votes", "samples_per_vote", "train_votes", "held_out_votes")
    return {f"evaluate.{name}": laptop[name] for name in names}


def _precisions() -> list[str]:
    """The precisions that the device has, the most wanted first."""
    names = ["float32", "tf32", "bfloat16_activations", "bfloat16"]
    return [name for name in names if name != "tf32" or jax.default_backend() == "gpu"]


def _value_and_gradient(encoder: nn.Module, decoder: nn.Module) -> Callable[..., Any]:
    """Value and gradient of a sum of all outputs of both networks, run by run."""

    def loss(params: Any, x: jax.Array, z: jax.Array) -> jax.Array:
        q: Any = encoder.apply(params[0], x)
        logits: Any = decoder.apply(params[1], z)
        outputs = jnp.sin(jnp.concatenate([q.loc, q.scale], -1))
        return jnp.sum(outputs) + jnp.sum(jax.nn.softplus(logits) - logits)

    return jax.vmap(jax.value_and_grad(loss))


def _relative(computed: Any, exact: Any) -> float:
    """‖computed − exact‖ / ‖exact‖ over all leaves."""
    pairs = list(zip(jax.tree.leaves(computed), jax.tree.leaves(exact), strict=True))
    wrong = sum(np.sum((np.float64(a) - np.float64(b)) ** 2) for a, b in pairs)
    return float(np.sqrt(wrong / sum(np.sum(np.float64(b) ** 2) for _, b in pairs)))


def _rate_name(work: str, runs: int, precision: str, form: str) -> str:
    return f"rate {work} {runs} runs {precision} {form}"


def _rate(
    session: Session,
    label: str,
    work: programs.Work,
    runs: int,
    precision: str,
    form: str,
    states: dict[Any, Any],
) -> None:
    """Measures a row; `states` has the first state of each program, for its rows."""
    count = min(runs, 2) if session.smoke else runs

    def timed() -> dict[str, Any]:
        change = {"model.precision": precision, "model.form": form}
        change |= {"runs.layout": "vmapped"}
        ours = Ours(work, count, change=change, state=states.get((label, count)))
        states.setdefault((label, count), ours.state())
        speeds = programs.rates({"ours": ours}, repetitions=3, seconds=session.seconds)
        images = speeds["ours"] * work.batch
        return {
            "images_per_second": float(np.median(images)),
            "least": float(images.min()),
            "largest": float(images.max()),
            "seconds_to_compile": ours.seconds_to_compile,
        }

    _row(session, _rate_name(label, runs, precision, form), timed)


def _torch(session: Session, runs: int, options: list[str]) -> float:
    command = [sys.executable, "-m", "experiments.benchmarks.torch_on_gpu"]
    command += [f"--runs={2 if session.smoke and runs > 1 else runs}"]
    command += [*options, f"--seconds={3 * session.seconds}"]
    command += [] if jax.default_backend() == "gpu" else ["--device=cpu"]
    process = subprocess.run(
        command, capture_output=True, text=True, timeout=75, check=False
    )
    if process.returncode:
        raise RuntimeError(process.stderr.strip().splitlines()[-1][:300])
    return float(process.stdout.split()[-1])


def _sweep(
    session: Session,
    name: str,
    config: str,
    fields: dict[str, Any],
    share: float = 1.0,
) -> None:
    """Runs a sweep in a process of its own, and asks it to stop in time.

    It may take a share of the time that is left. A sweep that was stopped has the
    tables of its finished blocks, and continues with the command that began it, as
    `fields` may depend on the time that is left.
    """
    row = f"sweep {name}"
    command = ["-m", "experiments.main"]
    command += [f"--config={config}", f"--workdir={session.folder / name}"]
    command += [f"--config.{field}={value}" for field, value in fields.items()]
    command = _read(session).get(row, {}).get("command", command)

    def swept() -> dict[str, Any]:
        start = time.monotonic()
        with subprocess.Popen([sys.executable, *command]) as process:
            timer = threading.Timer(
                max(share * session.left - 15, 30), process.terminate
            )
            timer.start()
            code = process.wait()
            timer.cancel()
        if code:
            raise RuntimeError(f"the sweep ended with {code}; it can be resumed.")
        return {"seconds": time.monotonic() - start}

    _row(session, row, swept, command=command)


def _seconds(session: Session, function: Callable[..., Any], x: jax.Array) -> float:
    """Seconds per call of a function, over repeated calls."""
    repeated = jax.jit(
        lambda x, count: jax.lax.fori_loop(0, count, lambda _, y: function(y), x)
    )

    def timed(count: int) -> float:
        start = time.perf_counter()
        jax.block_until_ready(repeated(x, np.int32(count)))
        return time.perf_counter() - start

    timed(1)
    count = max(2, round(session.seconds / timed(2) * 2))
    return timed(count) / count


def _row(
    session: Session,
    name: str,
    measure: Callable[[], dict[str, Any]],
    command: Sequence[str] = (),
) -> None:
    """Measures, prints and stores a row, unless it is stored already.

    A row that fails is stored with its error, and a row during which the process died
    is stored as begun. Neither is tried again, except a row with a command, which
    continues where it stopped.
    """
    stored = _read(session).get(name, {})
    unfinished = "begun" in stored or "error" in stored
    if stored and not (command and unfinished):
        return
    if session.left < 20 and not session.smoke:
        return
    fields = {"command": list(command)} if command else {}
    _keep(session, {"row": name, "begun": True, **fields})
    start = time.monotonic()
    try:
        result = measure()
    except Exception as error:  # whatever a compiler or a peer raises
        result = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"}
        result["error"] = result["error"][:500]
    result["took"] = round(time.monotonic() - start, 1)
    _keep(session, {"row": name, **result, **fields})
    say(f"  {name:<50} {_shown(result)}")


def _shown(result: dict[str, Any]) -> str:
    return "  ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in result.items()
    )


def _keep(session: Session, row: dict[str, Any]) -> None:
    with session.file.open("a", encoding="utf-8") as file:
        print(json.dumps(row), file=file, flush=True)


def _read(session: Session) -> dict[str, dict[str, Any]]:
    """The rows so far by name; the last one counts."""
    if not session.file.exists():
        return {}
    return measured.read(session.file)


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser(
        "experiments.benchmarks.accelerator",
        __doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--out", default="results/accelerator", help="folder")
    parser.add_argument("--minutes", type=float, default=12.0, help="for all stages")
    parser.add_argument("--smoke", action="store_true", help="a rehearsal")
    parser.add_argument(
        "--stages", nargs="*", choices=STAGES, help="stages; all by default"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
