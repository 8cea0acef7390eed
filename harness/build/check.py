"""Check that a model file is valid ONNX."""

from __future__ import annotations

from pathlib import Path

from harness.core.errors import Failed


def check(path: Path) -> None:
    """Run the checker of onnx with strict shape inference. Raises Failed with one clear reason.

    By path, so that files above 2 GB and external data are checked as well.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, DecodeError) as error:
        raise Failed(f"not a valid ONNX model: {one_line(error)}") from error
    except (RuntimeError, ValueError, TypeError, UnicodeDecodeError) as error:
        raise Failed(f"the ONNX checker cannot read the model: {one_line(error)}") from error


def one_line(error: BaseException | str, limit: int = 300) -> str:
    """Return the first line that says something, shortened."""
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    text = next((line for line in lines if line), type(error).__name__)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
