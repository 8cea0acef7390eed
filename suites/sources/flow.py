"""Control flow: a branch that hangs on the data, and a loop, each by what its exporter can follow."""

from __future__ import annotations

import torch
from torch import nn
from torch._higher_order_ops.while_loop import while_loop

WIDTH, ROUNDS = 16, 5


class Branch(nn.Module):
    """One product or the other, by the sign of the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.above, self.below = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.mean() > 0, lambda x: self.above(x).relu(), lambda x: self.below(x).tanh(), (x,))


class Loop(nn.Module):
    """A product again and again, until it has been taken often enough or has grown large."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        def more(count: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return (count < ROUNDS) & (x.abs().max() < 1e3)

        def step(count: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return count + 1, self.step(x).relu() + x

        return while_loop(more, step, (torch.tensor(0), x))[1]


@torch.jit.script
def work(x: torch.Tensor, above: torch.Tensor, below: torch.Tensor) -> torch.Tensor:
    """Loop and branch, as torchscript has them."""
    for _ in range(5):
        if bool(x.abs().max() < 1e3):
            x = torch.relu(x @ above) + x
    if bool(x.mean() > 1):
        return x.relu()
    return torch.tanh(x @ below)


class Scripted(nn.Module):
    """What `work` computes."""

    def __init__(self) -> None:
        super().__init__()
        self.above, self.below = (nn.Parameter(torch.randn(WIDTH, WIDTH) / WIDTH) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return work(x, self.above, self.below)


def branch() -> tuple[nn.Module, torch.Tensor]:
    """Return the branch, for dynamo."""
    return Branch(), torch.zeros(2, WIDTH)


def loop() -> tuple[nn.Module, torch.Tensor]:
    """Return the loop, for dynamo."""
    return Loop(), torch.zeros(2, WIDTH)


def scripted() -> tuple[nn.Module, torch.Tensor]:
    """Return both, for torchscript."""
    return Scripted(), torch.zeros(2, WIDTH)
