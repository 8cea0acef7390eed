"""Convert and run one model with onnxruntime's own tools alone, as a reader would by hand.

    python benchmarks/field_plain.py model.onnx int8_static '{"x[2]": 48}'
    python benchmarks/field_plain.py converted.onnx "as it is" '{}' all

Nothing of the harness is imported. Prints "works: ..." or the message of what failed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

TYPES = {"float": "float32", "double": "float64", "string": "object"}


def feeds(session: ort.InferenceSession, shapes: dict[str, int]) -> dict[str, np.ndarray]:
    """Random numbers for floats, ones for the rest; an open dimension is 1 unless `shapes` binds it."""
    draw = np.random.default_rng(0)
    made = {}
    for item in session.get_inputs():
        dims = [
            shapes.get(f"{item.name}[{at}]", shapes.get(str(dim), dim if isinstance(dim, int) else 1))
            for at, dim in enumerate(item.shape)
        ]
        kind = item.type.removeprefix("tensor(").removesuffix(")")
        values = draw.random(dims) if kind in ("float", "float16", "double") else np.ones(dims)
        made[item.name] = np.asarray(values).astype(TYPES.get(kind, kind))
    return made


LEVELS = {"disable": 0, "basic": 1, "extended": 2, "all": 99}


def run(path: str, shapes: dict[str, int], level: str = "all") -> dict[str, np.ndarray]:
    """Load and call once, then with inputs and outputs bound; return what was fed."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel(LEVELS[level])
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    fed = feeds(session, shapes)
    session.run(None, fed)
    if all(value.dtype.kind in "fiub" for value in fed.values()):
        try:
            bound(session, fed)
        except Exception as why:
            raise RuntimeError(
                f"run() works; with outputs bound it raises {' '.join(str(why).split())}"
            ) from why
    return fed


def bound(session: ort.InferenceSession, fed: dict[str, np.ndarray]) -> None:
    """Call twice as an io binding does it: the second call writes where the first one wrote."""
    binding = session.io_binding()
    for name, value in fed.items():
        binding.bind_cpu_input(name, value)
    for item in session.get_outputs():
        if not item.type.startswith(("seq", "map", "optional")):
            binding.bind_output(item.name)
    for _ in range(2):
        session.run_with_iobinding(binding)


class Reader:
    """One calibration sample."""

    def __init__(self, fed: dict[str, np.ndarray]) -> None:
        self.samples: Iterator[dict[str, np.ndarray]] = iter([fed])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next sample, or None at the end."""
        return next(self.samples, None)


def convert(model: str, precision: str, target: str, shapes: dict[str, int]) -> None:
    """Convert by the runtime's own function, its defaults kept."""
    from onnxruntime.quantization import quantize_dynamic, quantize_static
    from onnxruntime.transformers.float16 import convert_float_to_float16

    if precision == "fp16":
        onnx.save(convert_float_to_float16(onnx.load(model), keep_io_types=True), target)
    elif precision == "int8_dynamic":
        quantize_dynamic(model, target)
    else:
        quantize_static(model, target, Reader(run(model, shapes)))


def main(model: str, precision: str, shapes: str, level: str = "all") -> None:
    """Print what became of it."""
    import logging

    logging.disable()
    bound = json.loads(shapes)
    step = "loads and runs"
    try:
        if precision in ("fp32", "as it is"):
            run(model, bound, level)
        else:
            with tempfile.TemporaryDirectory() as scratch:
                target = str(Path(scratch) / "converted.onnx")
                step = "the conversion"
                convert(model, precision, target, bound)
                made = onnx.load(target)
                changed = [
                    n.op_type for n in made.graph.node if "Quant" in n.op_type or "Integer" in n.op_type
                ]
                if precision != "fp16" and not changed:
                    print("converts nothing: no operator of the result computes in INT8")
                    return
                step = "the converted model"
                run(target, bound)
        print("works")
    except BaseException as why:  # what it raises is the answer
        print(f"{step}: {type(why).__name__}: {' '.join(str(why).split())[:400]}")


if __name__ == "__main__":
    main(*sys.argv[1:5])
