"""A transformer encoder block, its attention spelled out.

torch's own attention becomes one operator on export, which exporters translate
from opset to opset with luck; matrix products and a softmax exist in all of them.
"""

from __future__ import annotations

import math

import torch
from torch import nn


class Attention(nn.Module):
    """Multi-head self-attention; `bias` [batch, 1, 1, tokens] is added to the scores, None for none."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_width = heads, width // heads
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def split(self, states: torch.Tensor) -> torch.Tensor:
        """Turn [batch, tokens, width] into [batch, heads, tokens, head width]."""
        batch, tokens, _ = states.shape
        return states.reshape(batch, tokens, self.heads, self.head_width).transpose(1, 2)

    def forward(self, states: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        query, key, value = (self.split(item(states)) for item in (self.query, self.key, self.value))
        scores = query @ key.transpose(-1, -2) / math.sqrt(self.head_width)
        if bias is not None:
            scores = scores + bias
        return self.out((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and a feed-forward net, each normalized before and added after."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.before_attention, self.before_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.feed = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))

    def forward(self, states: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        states = states + self.attention(self.before_attention(states), bias)
        return states + self.feed(self.before_feed(states))
