"""Check a model file: ONNX Runtime is the judge, and what onnx.checker complains about is a note."""

from __future__ import annotations

from pathlib import Path

from harness.core.errors import Failed

_KERNEL = "Could not find an implementation for"
"""What ONNX Runtime says of a sound file that this CPU has no kernel for: another provider may have one."""

_FOREIGN = ("is not a registered function/op", "No opset import for domain", "No schema registered for")
"""What ONNX Runtime says of an operator that a library of custom operators may bring."""


def check(path: Path) -> str:
    """Return what onnx.checker complains about in a file that ONNX Runtime loads; empty where it is content.

    By path, so that files above 2 GB and external data are checked as well.
    Raises Failed where ONNX Runtime refuses the file, in its words. A file whose
    operators nobody here knows is let through: the session may register them.
    """
    complaint = _complaint(path)
    if not complaint:
        return ""
    refusal = _refusal(path)
    if refusal and not any(text in refusal for text in (*_FOREIGN, _KERNEL)):
        raise Failed(f"ONNX Runtime does not load it: {refusal}; onnx.checker: {complaint}")
    return complaint


def _complaint(path: Path) -> str:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, DecodeError) as error:
        return _on_one_line(error)
    except (RuntimeError, ValueError, TypeError, UnicodeDecodeError) as error:
        return _on_one_line(error)
    return ""


WHOLE = 2000
"""Characters of the runtime's own message that are kept."""


def _on_one_line(error: BaseException, limit: int = 300) -> str:
    """Return all lines in one: the checker names a node on the second."""
    return first_line(" ".join(str(error).split()) or error, limit)


def _refusal(path: Path) -> str:
    """Load the file as ONNX Runtime would; return its objection, empty where it has none."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime raises classes of its own
        return _on_one_line(error, WHOLE)
    return ""


def first_line(error: BaseException | str, limit: int = 300) -> str:
    """Return the first line that says something, shortened."""
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    text = next((line for line in lines if line), type(error).__name__)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
