"""Modules of torch that tests export: a convolutional net and a layer of a transformer."""

from __future__ import annotations

from typing import Any

import torch


class Convolutional(torch.nn.Module):  # type: ignore[misc, name-defined]
    """Convolutions, one of them by groups, and a linear layer; channels are those of the blocked layout."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 32, 3, stride=2, padding=1), torch.nn.BatchNorm2d(32), torch.nn.ReLU(),
            torch.nn.Conv2d(32, 32, 3, padding=1, groups=32), torch.nn.ReLU(),
            torch.nn.Conv2d(32, 64, 1), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(64, 64, 3, padding=1), torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(64, 10),
        )  # fmt: skip

    def forward(self, x: Any) -> Any:
        return self.layers(x)


class Encoder(torch.nn.Module):  # type: ignore[misc, name-defined]
    """One layer of a transformer, written out."""

    def __init__(self, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.query, self.key, self.value, self.out = (torch.nn.Linear(width, width) for _ in range(4))
        self.up, self.down = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)
        self.before, self.after = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)

    def _heads(self, x: Any) -> Any:
        return x.reshape(x.shape[0], x.shape[1], self.heads, self.size).transpose(1, 2)

    def forward(self, x: Any) -> Any:
        q, k, v = self._heads(self.query(x)), self._heads(self.key(x)), self._heads(self.value(x))
        scores = torch.softmax(q @ k.transpose(-1, -2) / self.size**0.5, dim=-1)
        mixed = (scores @ v).transpose(1, 2).reshape(x.shape)
        x = self.before(x + self.out(mixed))
        return self.after(x + self.down(torch.nn.functional.gelu(self.up(x))))
