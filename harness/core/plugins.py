"""What other packages may add to: one line a name, imported when it is first used.

Every room sees the names; none of them imports what a name stands for before
it needs it. A name is added here, or by another package under the entry-point
group that each table names. `Source.options` and `Named.options`, as the plan
writes them:

=========== ==========================================================
source      options
=========== ==========================================================
onnx        ``path``: absolute
zoo         ``name``: one of `harness.core.vocabulary.ZOO`
torch       ``target``: ``module:function`` or ``/absolute/file.py:function``
sklearn     likewise, and ``zipmap``; so xgboost, keras and all that `harness.core.tools` converts
fake        the mapping as written
others      the mapping as written, or ``value`` where it is not a mapping
=========== ==========================================================

A precision's options are those that the suite wrote, no defaults added.
"""

from __future__ import annotations

from harness.core.registry import Registry

SOURCES = Registry(
    "source",
    {
        "onnx": "harness.build.sources.onnx_file:OnnxFile",
        "zoo": "harness.build.sources.zoo:Zoo",
        "torch": "harness.build.sources.torch_module:TorchModule",
        "sklearn": "harness.build.sources.converted:SKLEARN",
        "xgboost": "harness.build.sources.converted:XGBOOST",
        "lightgbm": "harness.build.sources.converted:LIGHTGBM",
        "keras": "harness.build.sources.converted:KERAS",
        "tensorflow": "harness.build.sources.converted:TENSORFLOW",
        "jax": "harness.build.sources.converted:JAX",
        "fake": "harness.build.sources.fake:Fake",
    },
    "harness.sources",
)

EXPORTERS = Registry(
    "exporter",
    {
        "dynamo": "harness.build.sources.torch_export:dynamo",
        "torchscript": "harness.build.sources.torch_export:torchscript",
    },
    "harness.exporters",
)
"""Ways to export a torch module: ``(Example, opset or None, path) -> None``; the first is the default."""

PRECISIONS = Registry(
    "precision",
    {
        "fp16": "harness.build.precisions.fp16:FP16",
        "bf16": "harness.build.precisions.bf16:BF16",
        "int8_dynamic": "harness.build.precisions.int8_dynamic:INT8_DYNAMIC",
        "int8_static": "harness.build.precisions.int8_static:INT8_STATIC",
        "int4": "harness.build.precisions.int4:INT4",
        "uint4": "harness.build.precisions.int4:UINT4",
    },
    "harness.precisions",
)
"""FP32 is not among them: it is what every conversion starts from."""

CATALOGUE = Registry("data set", {"digits": "harness.build.catalogue.digits:DIGITS"}, "harness.data")
