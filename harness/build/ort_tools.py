"""Load ONNX Runtime's tools without torch."""

from __future__ import annotations

import importlib
import sys


def load_tools() -> None:
    """Import ``onnxruntime.tools``, hiding torch: it would import it too, for two seconds and no use here."""
    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("onnxruntime.tools")
    finally:
        if hidden:
            del sys.modules["torch"]
