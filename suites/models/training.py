"""Train on the digits' training part, and score on the evaluation part, which no training ever sees."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from harness.build.catalogue.digits import PATH, parts_of


def digits() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return (images, labels) of each part."""
    with np.load(PATH) as arrays:
        parts = parts_of(arrays)
    return {name: (torch.from_numpy(part["x"]), torch.from_numpy(part["y"])) for name, part in parts.items()}


def train(module: nn.Module, epochs: int, batch: int = 50) -> nn.Module:
    """Train with Adam on images shifted by up to a pixel, on one thread: the same weights every time."""
    torch.set_num_threads(1)
    images, labels = digits()["training"]
    optimizer = torch.optim.AdamW(module.parameters(), lr=2e-3, weight_decay=0.01)
    steps = epochs * (len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    loss = nn.CrossEntropyLoss(label_smoothing=0.05)
    module.train()
    for _ in range(epochs):
        for index in torch.randperm(len(images)).split(batch):
            optimizer.zero_grad()
            loss(module(shift(images[index])), labels[index]).backward()
            optimizer.step()
            schedule.step()
    return module.eval()


def shift(images: torch.Tensor) -> torch.Tensor:
    """Shift every image by -1, 0 or 1 pixel on each axis."""
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    down, right = torch.randint(0, 3, (2, len(images), 1))
    rows, columns = down + torch.arange(8), right + torch.arange(8)
    return padded[torch.arange(len(images))[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None]


@torch.no_grad()
def accuracy(module: nn.Module) -> float:
    """Return the share of evaluation images that are classified right."""
    images, labels = digits()["evaluation"]
    return float((module.eval()(images).argmax(1) == labels).float().mean())
