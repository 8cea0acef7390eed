"""ONNX Runtime's own optimization, written to a file: what a session would do when it loads the model."""

from __future__ import annotations

from pathlib import Path

from harness.build import files
from harness.build.check import first_line
from harness.core.errors import Failed
from harness.core.vocabulary import ORT_LEVELS

LEVEL = "extended"
"""Where none is named: the highest whose file computes alike on every CPU."""

NOTE = "ort at level 'all': the file is laid out for this machine's CPU"


def optimize(base: Path, path: Path, level: str) -> None:
    """Write to `path` what a session at `level` makes of the model at `base`. Raises Failed."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, ORT_LEVELS[level])
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 4
    if files.is_large(base):
        options.add_session_config_entry(
            "session.optimized_model_external_initializers_file_name", f"{path.name}.data"
        )
    try:
        onnxruntime.InferenceSession(str(base), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime raises classes of its own
        raise Failed(f"ONNX Runtime cannot optimize it: {first_line(error)}") from error
    files.tidy(path)
