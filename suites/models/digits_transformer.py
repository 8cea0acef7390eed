"""A small transformer encoder that reads a digit row by row, trained.

Its weights lie in ``digits_transformer.npz``. Run this file to train them again
(half a minute)::

    python suites/models/digits_transformer.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from blocks import Block
from torch import nn

WEIGHTS = Path(__file__).with_suffix(".npz")
WIDTH, HEADS, INNER, LAYERS = 64, 4, 128, 2


class DigitsTransformer(nn.Module):
    """``x`` [batch, 1, 8, 8] float32 in 0..1 -> ``scores`` [batch, 10]; each row of pixels is a token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, WIDTH)
        self.position = nn.Parameter(0.02 * torch.randn(8, WIDTH))
        self.blocks = nn.ModuleList(Block(WIDTH, HEADS, INNER) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states = self.embed(x.flatten(1, 2)) + self.position
        for block in self.blocks:
            states = block(states)
        return self.head(self.norm(states).sum(1) / 8)  # not mean(): dynamo cannot take it below opset 18


def model() -> dict[str, Any]:
    """Return the trained module and an example input, as the harness exports it."""
    module = DigitsTransformer()
    with np.load(WEIGHTS) as arrays:
        state = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files}
    module.load_state_dict(state)
    return {"module": module, "inputs": {"x": torch.zeros(2, 1, 8, 8)}, "output_names": ["scores"]}


def main() -> None:
    """Train, and write the weights in half precision: the file is half the size, the accuracy the same."""
    from training import accuracy, train

    torch.manual_seed(0)
    module = train(DigitsTransformer(), epochs=120)
    state = {name: tensor.numpy().astype(np.float16) for name, tensor in module.state_dict().items()}
    np.savez_compressed(WEIGHTS, **state)
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size} bytes, top-1 {accuracy(model()['module']):.4f}")


if __name__ == "__main__":
    main()
