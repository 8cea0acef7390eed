"""The names that a suite may use, where every room can see them.

What a name stands for is found in the room that does the work; other packages
add names of their own through the entry-point group that stands beside each
tuple. `Source.options` and `Named.options`, as the plan writes them:

=========== ==========================================================
source      options
=========== ==========================================================
onnx        ``path``: absolute
zoo         ``name``: one of ZOO
torch       ``target``: ``module:function`` or ``/absolute/file.py:function``
fake        the mapping as written
others      the mapping as written, or ``value`` where it is not a mapping
=========== ==========================================================

A precision's options are those that the suite wrote, no defaults added.
"""

from __future__ import annotations

SOURCES = ("onnx", "zoo", "torch", "fake")
SOURCES_GROUP = "harness.sources"

ZOO = (
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
)

CATALOGUE = ("digits",)
CATALOGUE_GROUP = "harness.data"

PRECISIONS = ("fp32", "fp16", "int8_dynamic", "int8_static")
PRECISIONS_GROUP = "harness.precisions"

EXPORTERS = ("dynamo", "torchscript")
"""Ways to export a torch source; the first one where the suite names none."""

EXPORTERS_GROUP = "harness.exporters"

FORMATS = ("onnx", "ort")

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "dml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
"""Short name -> ONNX Runtime's own."""

DEVICES = {"cuda": "cuda", "tensorrt": "cuda", "dml": "dml"}
"""Where a provider's inputs and outputs are bound; the others compute in main memory."""

THREADS = {"openvino": "num_of_threads"}
"""Providers with threads of their own, which the session's count does not reach, and the option that does."""

GRAPH_OPT = {0: "disable", 1: "basic", 2: "extended", 99: "all"}
"""ONNX Runtime's number -> name."""

EXECUTION_MODES = ("sequential", "parallel")
IO = ("iobinding", "run")

ROLLING = ("latest", "nightly")
"""Values of the axis runtime that mean another version of onnxruntime from time to time."""
