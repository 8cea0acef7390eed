"""The names that a suite may use, where every room can see them.

Those that other packages may add to are in `harness.core.plugins`.
"""

from __future__ import annotations

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

OPTIMIZERS = ("onnxoptimizer", "onnxsim", "onnxslim", "ort")
"""What rewrites a graph before anything else is made of it; all but ``ort`` are tools."""

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

ORT_LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
"""Name -> attribute of ONNX Runtime's GraphOptimizationLevel."""

ORT_MODES = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}
"""Name -> attribute of ONNX Runtime's ExecutionMode."""

EXECUTION_MODES = ("sequential", "parallel")
IO = ("iobinding", "run")

ROLLING = ("latest", "nightly")
"""Values of the axis runtime that mean another version of onnxruntime from time to time."""

KNOWN_DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.ms.internal.nhwc", "com.microsoft.nchwc"}
    | {"ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training", "com.microsoft.experimental"}
    | {"com.microsoft.dml", "org.pytorch.aten"}
)
"""Domains whose operators ONNX Runtime brings."""

RANDOM = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
"""Operators that draw random numbers. With a seed of its own a session repeats them, call by call not."""

QUANTIZED = frozenset(
    {
        *("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"),
        *("QGemm", "QAttention", "QMoE", "QEmbedLayerNormalization"),
        *("DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "MatMulIntegerToFloat", "MatMulNBits"),
    }
)


def is_quantized(op_type: str) -> bool:
    """Return whether an operator computes on, or converts to or from, quantized values."""
    return op_type.startswith(("QLinear", "QOrdered")) or op_type.endswith("Integer") or op_type in QUANTIZED
