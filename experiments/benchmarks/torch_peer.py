"""Three of our programs in PyTorch, in one process.

    python -m experiments.benchmarks.torch_peer conv --threads=2

Reads a number of steps per line and answers with the seconds that they took. Runs are
trained one after another, as scripts usually do. Only plain tensor operations are used,
not `torch.distributions`, to be as fast as possible. Network, batch, objective,
optimiser and data in memory are those of our configs; weights are newly initialised.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

Loss = Callable[[], torch.Tensor]
POINTS = 8192  # data points in memory


class BernoulliVAE(nn.Module):
    """A β-VAE of binary images, β = 1; its output is the loss of a minibatch."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        loc, log_var = self.encoder(x).float().chunk(2, -1)
        z = loc + torch.exp(log_var / 2) * torch.randn_like(loc)
        kl = 0.5 * (loc**2 + log_var.exp() - log_var - 1).sum()
        logits = self.decoder(z).float()
        missing = functional.binary_cross_entropy_with_logits(
            logits, x, reduction="sum"
        )
        return (missing + 1.0 * kl) / len(x)


def conv(*, batch: int) -> tuple[nn.Module, Loss]:
    """Table 1a on binary images of 64×64, β-VAE; channels last, which is faster."""
    encoder = nn.Sequential(
        *(
            layer
            for a, b in ((1, 32), (32, 32), (32, 32), (32, 64))
            for layer in (nn.Conv2d(a, b, 4, 2, 1), nn.ReLU())
        ),
        nn.Flatten(),
        nn.Linear(1024, 128),
        nn.Linear(128, 20),
    )
    decoder = nn.Sequential(
        *(nn.Linear(10, 128), nn.ReLU(), nn.Linear(128, 1024), nn.ReLU()),
        nn.Unflatten(1, (64, 4, 4)),
        *(
            layer
            for a, b in ((64, 64), (64, 64), (64, 32))
            for layer in (nn.ConvTranspose2d(a, b, 4, 2, 1), nn.ReLU())
        ),
        nn.ConvTranspose2d(32, 1, 4, 2, 1),
    )
    networks = BernoulliVAE(encoder, decoder)
    networks = networks.to(memory_format=torch.channels_last)
    return networks, _on_minibatches(networks, (1, 64, 64), batch)


def dense(*, batch: int) -> tuple[nn.Module, Loss]:
    """The laptop variant: 256-128-128-10 on 16×16 images, β-VAE."""
    encoder = _layers(256, 128, 128, 20)
    decoder = _layers(10, 128, 128, 256)
    networks = BernoulliVAE(encoder, decoder)
    return networks, _on_minibatches(networks, (256,), batch)


def pinwheel(*, batch: int) -> tuple[nn.Module, Loss]:
    """Table 1b on points of the plane, a prior of four clusters, α KL(p ‖ q)."""
    encoder, decoder = _layers(2, 100, 4), _layers(2, 100, 4)
    x = torch.randn(batch, 2)
    centres = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    scale = torch.tensor(0.03).sqrt()

    def heads(raw: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        loc, raw_scale = raw.chunk(2, -1)
        return loc, functional.softplus(raw_scale) + 1e-6

    def log_prior(z: torch.Tensor) -> torch.Tensor:
        each = _log_normal(z[:, None], centres[None], scale)
        return torch.logsumexp(each, 1) - math.log(len(centres))

    def loss() -> torch.Tensor:
        loc, std = heads(encoder(x))
        z = loc + std * torch.randn_like(std)
        kl = _log_normal(z, loc, std) - log_prior(z)
        log_px = _log_normal(x, *heads(decoder(z)))
        centre = centres[torch.randint(len(centres), (batch,))]
        drawn = centre + scale * torch.randn_like(centre)
        log_qz = torch.logsumexp(_log_normal(drawn[:, None], loc, std), 1)
        mismatch = log_prior(drawn) - log_qz + math.log(batch)
        return (1.0 * kl - log_px).mean() + 1.0 * mismatch.mean()

    return nn.ModuleList([encoder, decoder]), loss


PROGRAMS = {"conv": conv, "dense": dense, "pinwheel": pinwheel}


def main(arguments: list[str] | None = None) -> int:
    """Trains as many steps as each line of the input says."""
    parser = argparse.ArgumentParser(prog="experiments.benchmarks.torch_peer")
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--bfloat16", action="store_true", help="torch.autocast")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    networks, loss = PROGRAMS[options.program](batch=options.batch)
    optimiser = torch.optim.Adam(networks.parameters(), lr=1e-4)
    with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
        for line in sys.stdin:
            print(_train(loss, optimiser, int(line)), flush=True)
    return 0


def _train(loss: Loss, optimiser: Any, steps: int) -> float:
    start = time.perf_counter()
    for _ in range(steps):
        optimiser.zero_grad(set_to_none=True)
        loss().backward()
        optimiser.step()
    return time.perf_counter() - start


def _on_minibatches(networks: nn.Module, shape: tuple[int, ...], batch: int) -> Loss:
    images = torch.rand(POINTS, *shape) < 0.05

    def loss() -> torch.Tensor:
        return networks(images[torch.randint(len(images), (batch,))].float())

    return loss


def _layers(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in zip(widths, widths[1:], strict=False):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _log_normal(x: torch.Tensor, loc: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    unit = (x - loc) / std
    return (-0.5 * unit**2 - std.log() - 0.5 * math.log(2 * math.pi)).sum(-1)


if __name__ == "__main__":
    sys.exit(main())
