"""Build what a case runs: source -> opset -> part -> optimizer -> precision -> format -> check.

Each artifact is made once, in a process of its own, and kept under a key of
everything that changes its bytes. What the record says of it (opset,
precision, operators) is read back from the file, never taken from the request.

The steps, in the order in which an artifact passes them:

===================== ==================================================
`artifact`            the parent's side: recipes, the cache, the reference
`worker`              the process in which a step runs
`sources`             where a model comes from: onnx, zoo, torch, fake, and what tools convert
`converters`          what runs in the process of a tool, beside it
`origin`              how the original answers, kept beside the file
`cut`, `part`         what lies between tensors, and what it is fed
`opset`               onnx.version_converter
`optimizers`          what rewrites the graph: tools, and ONNX Runtime's own
`precisions`          fp16, bf16, int8_dynamic, int8_static, int4, uint4
`ort_format`          ONNX Runtime's own format
`check`, `reading`    is it valid, and what is it
`data`                calibration and evaluation data
===================== ==================================================

The names below are imported on first use: the process of a tool has the
standard library and the tool alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.build.artifact import Stored, build, fp32_reference, identify, list_cache
    from harness.build.cache import default_cache_dir
    from harness.build.data import identify_data, load_data, load_labels
    from harness.build.origin import own_data, read_origin

__all__ = [
    "Stored",
    "build",
    "default_cache_dir",
    "fp32_reference",
    "identify",
    "identify_data",
    "list_cache",
    "load_data",
    "load_labels",
    "own_data",
    "read_origin",
]

_HOME = {
    "Stored": "artifact",
    "build": "artifact",
    "default_cache_dir": "cache",
    "fp32_reference": "artifact",
    "identify": "artifact",
    "identify_data": "data",
    "list_cache": "artifact",
    "load_data": "data",
    "load_labels": "data",
    "own_data": "origin",
    "read_origin": "origin",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
