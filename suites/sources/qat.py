"""A small net trained with its quantization in the loop, and the same weights without it.

Weights lie in ``qat.npz``. Run this file to train them again (half a minute)::

    python suites/sources/qat.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

WEIGHTS = Path(__file__).with_suffix(".npz")
MOMENTUM = 0.05


class Activation(nn.Module):
    """Round to uint8 in the range that was seen in training."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("high", torch.tensor(1.0))
        self.register_buffer("low", torch.tensor(0.0))
        self.known: tuple[float, int] | None = None  # plain numbers, once training is over

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            with torch.no_grad():
                self.high.lerp_(x.max().clamp(min=1e-3), MOMENTUM)
                self.low.lerp_(x.min().clamp(max=0), MOMENTUM)
        scale, zero = self.known or self.range()
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, 255)

    def range(self) -> tuple[float, int]:
        """Return the scale and the zero point."""
        scale = (self.high - self.low).item() / 255
        return scale, round(-self.low.item() / scale)


def scale_of(weight: torch.Tensor) -> float:
    """Return the scale of int8 weights, about zero."""
    return weight.detach().abs().max().item() / 127


class Net(nn.Module):
    """``x`` [batch, 1, 8, 8] float32 in 0..1 -> ``scores`` [batch, 10]."""

    def __init__(self, *, quantized: bool) -> None:
        super().__init__()
        self.quantized = quantized
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.linear = nn.Linear(512, 10)
        self.before = nn.ModuleList(Activation() for _ in range(3))
        self.scales: list[float] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self._layer(0, nn.functional.conv2d, self.conv1, x, padding=1).relu()
        x = self._layer(1, nn.functional.conv2d, self.conv2, x, padding=1).relu()
        x = nn.functional.max_pool2d(x, 2).flatten(1)
        return self._layer(2, nn.functional.linear, self.linear, x)

    def _layer(self, place: int, compute: Any, layer: Any, x: torch.Tensor, **options: Any) -> torch.Tensor:
        if not self.quantized:
            return compute(x, layer.weight, layer.bias, **options)
        scale = self.scales[place] if self.scales else scale_of(layer.weight)
        weight = torch.fake_quantize_per_tensor_affine(layer.weight, scale, 0, -128, 127)
        return compute(self.before[place](x), weight, layer.bias, **options)

    def fix_scales(self) -> None:
        """Make scales plain numbers: dynamo follows no number that hangs on a tensor."""
        self.scales = [scale_of(layer.weight) for layer in (self.conv1, self.conv2, self.linear)]
        for activation in self.before:
            activation.known = activation.range()


def model() -> dict[str, Any]:
    """Return the net with its quantization: an exporter writes pairs of Q and DQ."""
    return _load(quantized=True)


def plain() -> dict[str, Any]:
    """Return the same weights in FP32, for quantization after training."""
    return _load(quantized=False)


def _load(*, quantized: bool) -> dict[str, Any]:
    module = Net(quantized=quantized)
    with np.load(WEIGHTS) as arrays:
        module.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays.files})
    module.fix_scales()
    return {"module": module, "inputs": {"x": torch.zeros(2, 1, 8, 8)}, "output_names": ["scores"]}


def main() -> None:
    """Train, write the weights, and print how many digits are right."""
    sys.path.append(str(Path(__file__).parents[1] / "models"))
    from training import accuracy, train

    torch.manual_seed(0)
    module = train(Net(quantized=True), epochs=30)
    np.savez_compressed(WEIGHTS, **{name: value.numpy() for name, value in module.state_dict().items()})
    right = {name: accuracy(make()["module"]) for name, make in (("trained", model), ("plain", plain))}
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size} bytes, top-1 {right}")


if __name__ == "__main__":
    main()
