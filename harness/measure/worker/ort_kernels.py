"""Which kernels ONNX Runtime has: its own list, for an operator that it found none for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_NONE_FOR = re.compile(r"Could not find an implementation for (\w+)\((\d+)\)")

HALVES = {"bf16": "tensor(bfloat16)", "fp16": "tensor(float16)"}
"""Precision of a file -> the type that its kernels must take."""


def missing(runtime: Any, message: str, providers: Sequence[str], precision: str) -> str:
    """Return which operator has no kernel for the type of a half-precision file, and what its kernels take.

    Empty where the message is another one, or the list of the runtime does not show it: not of every
    provider that the session may use, or there is such a kernel.
    """
    found, half = _NONE_FOR.search(message), HALVES.get(precision)
    if found is None or half is None:
        return ""
    operator, opset = found[1], int(found[2])
    kernels = [kernel for kernel in _kernels(runtime) if kernel.provider in providers]
    if {kernel.provider for kernel in kernels} != set(providers):
        return ""
    own = [kernel for kernel in kernels if kernel.op_name == operator and _covers(kernel, opset)]
    takes = {kind for kernel in own for kinds in kernel.type_constraints.values() for kind in kinds}
    if half in takes:
        return ""
    types = sorted(kind.removeprefix("tensor(").removesuffix(")") for kind in takes)
    others = f"its kernels take {', '.join(types)}" if types else "it has no kernel at all"
    return f"{operator} (opset {opset}) has no {precision} kernel on {' or '.join(providers)}; {others}"


def _covers(kernel: Any, opset: int) -> bool:
    first, last = kernel.version_range
    return bool(first <= opset <= last)


def _kernels(runtime: Any) -> Sequence[Any]:
    """Return all kernels that the runtime lists; none where it is built without the list."""
    state = getattr(getattr(runtime, "capi", None), "onnxruntime_pybind11_state", None)
    every: Sequence[Any] = getattr(state, "get_all_opkernel_def", list)()
    return every
