"""Our convolutional program in PyTorch on a GPU, in one arrangement.

    python -m experiments.benchmarks.torch_on_gpu --runs=32 --compile --precision=tf32

Prints one number, the images per second that all networks together train on. Parameters
of several runs are stacked, and `torch.func.vmap` maps over them. Images and optimiser
are on the device; weights are newly initialised.
"""

import argparse
import sys
import time
from collections.abc import Callable

import torch
from torch import func

from experiments.benchmarks import torch_peer

_POINTS = 8192
_WARM_UP = 20  # steps before the timed ones


def main(arguments: list[str] | None = None) -> int:
    """Trains for some seconds, and prints the rate."""
    parser = argparse.ArgumentParser(prog="experiments.benchmarks.torch_on_gpu")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--precision", default="tf32")
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args(arguments)
    tf32 = options.precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True
    torch.set_default_device(options.device)
    step = _stacked(options) if options.runs > 1 else _alone(options)
    rate = _steps_a_second(step, options.device, options.seconds)
    print(rate * options.runs * options.batch, flush=True)
    return 0


def _alone(options: argparse.Namespace) -> Callable[[], None]:
    """A step of one network."""
    networks, _ = torch_peer.conv(batch=options.batch)
    fused = options.device == "cuda"
    optimiser = torch.optim.Adam(networks.parameters(), lr=1e-4, fused=fused)
    images = torch.rand(_POINTS, 1, 64, 64) < 0.05
    kind = torch.device(options.device).type
    narrow = options.precision == "bfloat16"

    def loss(x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=narrow):
            return networks(x)

    if options.compile:
        loss = torch.compile(loss, mode="reduce-overhead")

    def step() -> None:
        x = images[torch.randint(_POINTS, (options.batch,))].float()
        x = x.to(memory_format=torch.channels_last)
        optimiser.zero_grad(set_to_none=True)
        loss(x).backward()
        optimiser.step()

    return step


def _stacked(options: argparse.Namespace) -> Callable[[], None]:
    """A step of several networks, mapped over by `torch.func.vmap`."""
    all_networks = [
        torch_peer.conv(batch=options.batch)[0] for _ in range(options.runs)
    ]
    parameters, buffers = func.stack_module_state(all_networks)
    optimiser = torch.optim.Adam(parameters.values(), lr=1e-4)
    base, narrow = all_networks[0], options.precision == "bfloat16"
    images = torch.rand(_POINTS, 1, 64, 64) < 0.05
    kind = torch.device(options.device).type

    def loss(parameters: dict, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=narrow):
            return func.functional_call(base, (parameters, buffers), (x,))

    gradients = func.vmap(func.grad(loss), randomness="different")
    if options.compile:
        gradients = torch.compile(gradients)

    def step() -> None:
        rows = torch.randint(_POINTS, (options.runs, options.batch))
        values = gradients(parameters, images[rows].float())
        for name, parameter in parameters.items():
            parameter.grad = values[name]
        optimiser.step()

    return step


def _steps_a_second(step: Callable[[], None], device: str, seconds: float) -> float:
    def timed(count: int) -> float:
        start = time.perf_counter()
        for _ in range(count):
            step()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    timed(1)
    spent = timed(_WARM_UP) / _WARM_UP
    count = max(1, round(seconds / spent))
    return count / timed(count)


if __name__ == "__main__":
    sys.exit(main())
