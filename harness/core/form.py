"""How what a model file needs is written: as options of a command line, or as arguments in Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from harness.core.inputs import Fill


class Form(StrEnum):
    """Whom a message speaks to."""

    COMMAND = "command"
    PYTHON = "python"

    def shapes(self, sizes: Mapping[str, int]) -> str:
        """Write sizes of dimensions: ``--shape n=4``, ``shapes={'n': 4}``."""
        if self is Form.PYTHON:
            return f"shapes={dict(sizes)!r}"
        return " ".join(f"--shape {_quoted(f'{name}={size}')}" for name, size in sizes.items())

    def fills(self, values: Mapping[str, Fill]) -> str:
        """Write the values of inputs: ``--fill shape=1,-1``, ``fill={'shape': [1, -1]}``."""
        if self is Form.PYTHON:
            plain = {name: list(fill) if isinstance(fill, tuple) else fill for name, fill in values.items()}
            return f"fill={plain!r}"
        return " ".join(f"--fill {_quoted(f'{name}={spell_fill(fill)}')}" for name, fill in values.items())

    def axis(self, name: str, value: Any) -> str:
        """Write the value of an axis: ``--batch 4``, ``batch=4``."""
        return f"{name}={value!r}" if self is Form.PYTHON else f"--{name.replace('_', '-')} {value}"

    def flag(self, name: str) -> str:
        """Name an option: ``--batch-dim``, ``batch_dim``."""
        return name if self is Form.PYTHON else f"--{name.replace('_', '-')}"

    def or_suite(self, key: str, value: str) -> str:
        """Add how a suite says the same, ``, or in the suite: shapes: {...}``: Python code has none."""
        return "" if self is Form.PYTHON else f", or in the suite: {key}: {value}"


def spell_value(value: float | str) -> str:
    """Write one value of a `fill` as a command line takes it."""
    return value if isinstance(value, str) else f"{value:.15g}"


def spell_fill(fill: Fill) -> str:
    """Write the values of an input as a command line takes them."""
    return ",".join(map(spell_value, fill if isinstance(fill, list | tuple) else [fill]))


def listed(sizes: Mapping[str, int]) -> str:
    """Write sizes as a suite has them."""
    return f"{{{', '.join(f'{json.dumps(name)}: {size}' for name, size in sizes.items())}}}"


def _quoted(text: str) -> str:
    import shlex  # a worker needs none of it

    return shlex.quote(text)
