"""Outputs of types that numpy has not, as the numbers that they stand for.

A runtime gives their bytes. Formats: bfloat16 is the upper half of an IEEE float32; 8-bit floats as in
"FP8 Formats for Deep Learning" (2022) and, with ``fnuz``, "8-bit Numerical Formats for Deep Neural
Networks" (2022); 4-bit integers lie two in a byte, the first one in its lower half (ONNX IR).
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Decode = Callable[[bytes, int], NDArray[Any]]
"""Of bytes and the count of elements."""


def _bfloat16(raw: bytes, count: int) -> NDArray[Any]:
    return (np.frombuffer(raw, np.uint16, count).astype(np.uint32) << 16).view(np.float32)


def _float8(raw: bytes, count: int, mantissa: int, bias: int, special: str) -> NDArray[Any]:
    table = np.asarray([_float8_value(code, mantissa, bias, special) for code in range(256)], np.float32)
    return table[np.frombuffer(raw, np.uint8, count)]


def _float8_value(code: int, mantissa: int, bias: int, special: str) -> float:
    """Return what a code stands for; `special` says which are NaN and Inf: "ieee", "fn", "fnuz"."""
    if special == "fnuz" and code == 0x80:
        return math.nan
    sign, low = (-1.0 if code & 0x80 else 1.0), code & ((1 << mantissa) - 1)
    exponent, top = (code & 0x7F) >> mantissa, (1 << (7 - mantissa)) - 1
    if special == "ieee" and exponent == top:
        return sign * math.inf if low == 0 else math.nan
    if special == "fn" and code & 0x7F == 0x7F:
        return math.nan
    if exponent == 0:
        return sign * math.ldexp(low, 1 - bias - mantissa)
    return sign * math.ldexp(low + (1 << mantissa), exponent - bias - mantissa)


def _int4(raw: bytes, count: int, *, signed: bool) -> NDArray[Any]:
    packed = np.frombuffer(raw, np.uint8, (count + 1) // 2)
    halves = np.stack([packed & 0xF, packed >> 4], axis=-1).reshape(-1)[:count].astype(np.int8)
    return (np.where(halves > 7, halves - 16, halves) if signed else halves).astype(np.int8)


DECODERS: Mapping[str, tuple[int, Decode]] = {
    "bfloat16": (16, _bfloat16),
    "float8e4m3fn": (8, partial(_float8, mantissa=3, bias=7, special="fn")),
    "float8e4m3fnuz": (8, partial(_float8, mantissa=3, bias=8, special="fnuz")),
    "float8e5m2": (8, partial(_float8, mantissa=2, bias=15, special="ieee")),
    "float8e5m2fnuz": (8, partial(_float8, mantissa=2, bias=16, special="fnuz")),
    "int4": (4, partial(_int4, signed=True)),
    "uint4": (4, partial(_int4, signed=False)),
}
"""Element type, as a runtime names it -> its bits, and how to read it."""

NUMPY = frozenset(
    {
        *("float", "float16", "double", "bool", "string", "int8", "int16", "int32", "int64"),
        *("uint8", "uint16", "uint32", "uint64", "complex64", "complex128"),
    }
)
"""Element types that numpy has."""


def element_type(declared: str) -> str:
    """Return ``bfloat16`` of ``tensor(bfloat16)``; empty of what is no tensor."""
    return declared.removeprefix("tensor(").removesuffix(")") if declared.startswith("tensor(") else ""


def foreign_types(session: Any) -> dict[str, str]:
    """Return the element types that numpy lacks, by output of a session."""
    kinds = {item.name: element_type(item.type) for item in session.get_outputs()}
    return {name: kind for name, kind in kinds.items() if kind and kind not in NUMPY}


def run(runtime: Any, session: Any, feed: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Run `feed` once; return what each output holds, or why that cannot be read."""
    outputs, foreign = [item.name for item in session.get_outputs()], list(foreign_types(session))
    plain = [name for name in outputs if name not in foreign]
    found = dict(zip(plain, session.run(plain, feed), strict=True)) if plain else {}
    if foreign:
        values = {name: runtime.OrtValue.ortvalue_from_numpy(array) for name, array in feed.items()}
        found.update(zip(foreign, map(decode, session.run_with_ort_values(foreign, values)), strict=True))
    return {name: found[name] for name in outputs}


def decode(value: Any) -> NDArray[Any] | str:
    """Return the numbers of a runtime's value, or why they cannot be read."""
    kind, shape = element_type(value.data_type()), tuple(value.shape())
    if kind not in DECODERS:
        return f"it holds {kind or value.data_type()}, which is not read"
    if value.device_name().lower() != "cpu":
        return f"it holds {kind} and lies on {value.device_name()}"
    bits, read = DECODERS[kind]
    count = math.prod(shape)
    raw = ctypes.string_at(value.data_ptr(), (count * bits + 7) // 8) if count else b""
    return read(raw, count).reshape(shape)
