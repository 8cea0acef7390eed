"""Build what a case runs: source -> opset -> precision -> format -> check.

Each artifact is made once, in a process of its own, and kept under a key of
everything that changes its bytes. What the record says of it (opset,
precision, operators) is read back from the file, never taken from the request.

The steps, in the order in which an artifact passes them:

===================== ==================================================
`artifact`            the parent's side: recipes, the cache, the reference
`worker`              the process in which a step runs
`sources`             where a model comes from: onnx, zoo, torch, fake
`opset`               onnx.version_converter
`precisions`          fp16, int8_dynamic, int8_static
`ort_format`          ONNX Runtime's own format
`check`, `reading`    is it valid, and what is it
`data`                calibration and evaluation data
===================== ==================================================
"""

from harness.build.artifact import Stored, build, fp32_reference, identify, list_cache
from harness.build.cache import default_cache_dir
from harness.build.data import identify_data, load_data, load_labels

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
]
