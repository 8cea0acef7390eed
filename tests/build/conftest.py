from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write a model to a file of its own."""

    def write(model: onnx.ModelProto, name: str = "given.onnx", **keys: Any) -> Path:
        path = tmp_path / name
        onnx.save(model, path, **keys)
        return path

    return write
