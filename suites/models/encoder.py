"""A transformer encoder with random weights: token ids and a mask in, one vector a text out.

Four layers of hidden size 256 over 4,096 tokens; batch and sequence are
symbolic. For latency and memory; no accuracy can be claimed of it.
"""

from __future__ import annotations

from typing import Any

import torch
from blocks import Block
from torch import nn

VOCABULARY, POSITIONS = 4096, 512
WIDTH, HEADS, INNER, LAYERS = 256, 4, 1024, 4


class Encoder(nn.Module):
    """``input_ids`` and ``attention_mask`` [batch, sequence] int64 -> ``pooled`` [batch, 256]."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.blocks = nn.ModuleList(Block(WIDTH, HEADS, INNER) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        states = self.tokens(input_ids) + self.positions(positions)
        kept = attention_mask.to(states.dtype)
        bias = (1 - kept)[:, None, None, :] * -10_000.0
        for block in self.blocks:
            states = block(states, bias)
        weights = kept[:, :, None]
        return (self.norm(states) * weights).sum(1) / weights.sum(1)


def model() -> dict[str, Any]:
    """Return the module, example inputs and symbolic dimensions, as the harness exports it."""
    axes = {0: "batch", 1: "sequence"}
    return {
        "module": Encoder(),
        "inputs": {
            "input_ids": torch.randint(0, VOCABULARY, (2, 64)),
            "attention_mask": torch.ones(2, 64, dtype=torch.int64),
        },
        "output_names": ["pooled"],
        "dynamic_shapes": {"input_ids": axes, "attention_mask": axes},
    }
