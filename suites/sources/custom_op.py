"""An operator that torch cannot write: ``ai.onnx.contrib.NegPos``, of the wheel onnxruntime-extensions."""

from __future__ import annotations

from typing import Any

import onnx
import onnxscript
import torch
from onnx.defs import OpSchema
from torch import nn

DOMAIN, WIDTH = "ai.onnx.contrib", 16
CONTRIB = onnxscript.values.Opset(DOMAIN, 1)

onnx.defs.register_schema(  # onnxscript asks how many outputs there are
    OpSchema(
        "NegPos",
        DOMAIN,
        1,
        inputs=[OpSchema.FormalParameter("x", "tensor(float)")],
        outputs=[OpSchema.FormalParameter(name, "tensor(float)") for name in ("below", "above")],
    )
)


@torch.library.custom_op("harness::neg_pos", mutates_args=())
def neg_pos(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Split numbers into what is below zero and what is above."""
    return x.clamp(max=0), x.clamp(min=0)


@neg_pos.register_fake
def _(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty_like(x), torch.empty_like(x)


def translate(x: Any) -> Any:
    """Write it for dynamo."""
    return CONTRIB.NegPos(x)


def symbolic(g: Any, x: Any) -> Any:
    """Write it for torchscript."""
    return g.op(f"{DOMAIN}::NegPos", x, outputs=2)


class Split(nn.Module):
    """A product, and twice its lower half taken from its upper one."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        below, above = neg_pos(self.linear(x))
        return above - 2 * below


def model() -> dict[str, Any]:
    """Return the module, and how each exporter writes its operator."""
    torch.onnx.register_custom_op_symbolic("harness::neg_pos", symbolic, 9)
    return {
        "module": Split(),
        "inputs": torch.zeros(2, WIDTH),
        "custom_translation_table": {torch.ops.harness.neg_pos.default: translate},
        "custom_opsets": {DOMAIN: 1},
    }
