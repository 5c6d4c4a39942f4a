"""Trains and scores the runs of a sweep, block by block."""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.evaluation import evaluate
from experiments.models.autoencoder import Hyperparameters
from experiments.results import run_tables
from experiments.sweep import checkpoint, layout
from experiments.sweep.checkpoint import Checkpoint
from experiments.sweep.layout import Sweep
from experiments.system import parallel, signals
from experiments.system.parallel import Plan, Runs
from experiments.system.terminal import Progress, duration, say
from experiments.training import one_run

# Called after every record with the runs of the block, its records so far, and whether
# each run has not diverged.
Record = Callable[[Runs, list[np.ndarray], np.ndarray], None]

_CALL_SECONDS = 5.0  # approximate duration of a call of the compiled program
_LONG = 6 * 3600  # seconds of a sweep on a CPU above which a warning is printed


class Programs(NamedTuple):
    """The functions of a block of runs; `layout.functions` has those of one run."""

    init: Any
    advance: Any
    scores: Any


class Block(NamedTuple):
    """A block of runs with the arguments of its functions; leaves `[block, ...]`."""

    runs: Runs
    keys: jax.Array
    setting: Hyperparameters


def programs(sweep: Sweep, plan: Plan) -> Programs:
    """The functions that a sweep compiles when they are first called."""
    init, advance, scores = layout.functions(sweep)
    vmapped = plan.vmapped
    return Programs(
        parallel.over_runs(init, plan, mapped=2, shared=0, vmapped=vmapped, brief=True),
        parallel.over_runs(
            advance, plan, mapped=3, shared=2, vmapped=vmapped, donate=(0,)
        ),
        parallel.over_runs(scores, plan, mapped=3, shared=2, vmapped=False),
    )


def run(
    sweep: Sweep, plan: Plan, pending: Runs, record: Record = lambda *_: None
) -> Iterator[None]:
    """Trains, scores and saves the pending runs; yields after each finished block."""
    init, advance, scores = programs(sweep, plan)
    points, scored, factors = _shared(sweep, plan)
    progress = Progress(len(pending.number) * sweep.steps, shown=parallel.is_first())
    finished: list[np.ndarray] = []
    compiled = None
    with signals.listening() as request, progress, _aside() as aside:
        for members in checkpoint.blocks(sweep.workdir, pending, plan.block):
            request.waits = _waiting("")
            current = block(sweep, plan, members)
            saved = Checkpoint(
                sweep.workdir, members.number, sweep.config.runs.checkpoint_minutes
            )
            state = init(current.keys, current.setting)
            scoring = current.keys, current.setting, scored, factors
            if compiled is None:  # compile while the first block trains
                compiled = _beside(aside, scores, (state.params, *scoring), progress)
            state, curves = _train(
                sweep, advance, state, current, points, saved, progress, request, record
            )
            request.waits = _waiting(f"{len(members.number)} trained runs are scored")
            start = time.monotonic()
            values = compiled.result()(state.params, *scoring)
            finished.append(members.number)
            _write(sweep, members, state, values, curves, saved)
            if parallel.is_first() and not sweep.config.runs.keep_states:
                checkpoint.forget(sweep.workdir, np.concatenate(finished))
            progress.evaluated(time.monotonic() - start)
            yield
            _stop_if(request)


@contextlib.contextmanager
def _aside() -> Iterator[futures.Executor]:
    """A background thread that does not delay the end of the process."""
    thread = futures.ThreadPoolExecutor(1)
    try:
        yield thread
    finally:
        thread.shutdown(wait=False, cancel_futures=True)


def _beside(
    aside: futures.Executor, function: Any, arguments: Any, progress: Progress
) -> futures.Future:
    """The function, compiled for arguments like these while training continues."""
    compiled = aside.submit(compiled_for, function, *jax.tree.map(_like, arguments))
    progress.beside(compiled)
    return compiled


def _waiting(words: str) -> str:
    """What a signal waits for; with several processes, at least until all know it."""
    return words or ("all processes know" if jax.process_count() > 1 else "")


def compiled_for(function: Any, *arguments: Any) -> Any:
    """Compiles a jitted function for arguments like these, and does not call it."""
    return function.lower(*arguments).compile()


def _like(array: jax.Array) -> jax.ShapeDtypeStruct:
    """The array's shape without its values, whose memory training may have reused."""
    return jax.ShapeDtypeStruct(array.shape, array.dtype, sharding=array.sharding)


def _shared(sweep: Sweep, plan: Plan) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The points to train on, and the points to score with their factors."""
    points = scored = parallel.share(plan, sweep.data.points)
    if sweep.scored is not sweep.data:
        scored = parallel.share(plan, sweep.scored.points)
    return points, scored, parallel.share(plan, sweep.scored.factors.astype(np.int32))


def _write(
    sweep: Sweep,
    members: Runs,
    state: one_run.State,
    scores: evaluate.Scores,
    curves: np.ndarray,
    saved: Checkpoint,
) -> None:
    """Saves a finished block."""
    outcome = {"diverged": state.diverged, "term": state.term}
    results = parallel.collect((state.params, outcome, scores))
    if parallel.is_first():
        saved.wait()
        run_tables.write_block(sweep.workdir, members, *results, curves)


def _stop_if(request: Callable[[], int]) -> None:
    if number := int(parallel.maximum(request())):
        raise signals.Stopped(number)


def block(sweep: Sweep, plan: Plan, members: Runs) -> Block:
    """Keys and settings of the runs, padded to the size of a block."""
    padded = parallel.padded(members, plan.block)
    root = jax.random.fold_in(jax.random.key(sweep.config.rng), 2)
    keys = jax.vmap(lambda seed: jax.random.fold_in(root, seed))(padded.seed)
    rows = padded.setting - sweep.first
    setting = jax.tree.map(lambda leaf: np.asarray(leaf)[rows], sweep.settings)
    return Block(members, *parallel.scatter(plan, (keys, setting)))


def _train(
    sweep: Sweep,
    advance: Any,
    state: one_run.State,
    block: Block,
    points: jax.Array,
    saved: Checkpoint,
    progress: Progress,
    request: signals.Asked,
    record: Record,
) -> tuple[one_run.State, np.ndarray]:
    """Trains a block to its end; its curves are `[block, records, 1 + measures]`."""
    state, curves, step = saved.restore(state)
    count, every, limit = len(block.runs.number), layout.record_every(sweep), 1
    progress.resumed(count, step)
    while step < sweep.steps:
        steps = min(every - step % every, sweep.steps - step, limit)
        start = time.monotonic()
        state = advance(state, block.keys, block.setting, points, np.int32(steps))
        sums, diverged = parallel.collect((state.sums, state.diverged))
        seconds = parallel.maximum(time.monotonic() - start)
        step += steps
        request.waits = _waiting("the runs in training are saved")
        means = sums / (step % every or min(every, step))
        if step % every == 0 or step == sweep.steps:
            curves.append(
                np.concatenate([np.full_like(means[:, :1], step, int), means], 1)
            )
            record(block.runs, curves, diverged < 0)
        progress.trained(count * steps, seconds, _mean(means[:count, 0]))
        # The first call compiles, and short calls are mostly overhead: grow stepwise.
        limit = max(1, min(4 * steps, int(_CALL_SECONDS * steps / seconds)))
        _announce(progress)
        stopping = bool(parallel.maximum(request()))
        last = step == sweep.steps and sweep.config.runs.keep_states
        saved.save(state, curves, step, now=stopping or last)
        if stopping:
            saved.wait()
            _stop_if(request)
    return state, np.stack(curves, axis=1)


def _mean(loss: np.ndarray) -> float:
    """The mean loss of the runs that have not diverged; NaN if all have."""
    finite = loss[np.isfinite(loss)]
    return float(np.mean(finite)) if finite.size else math.nan


def _announce(progress: Progress) -> None:
    """Prints the time left once it is known, and advice if it is long on a CPU."""
    seconds = progress.first_estimate()
    if seconds is None or seconds < 1:
        return
    say(f"  about {duration(seconds)} of training are left, before scores and figures")
    if jax.default_backend() == "cpu" and seconds > _LONG:
        say(
            f"  On this CPU the sweep will take about {duration(seconds)}. The variant "
            "`:laptop` answers the same question in minutes; this one continues."
        )
