"""Find sizes that a model runs at: ``python -m harness.measure.worker.fit REQUEST.json PARENT_PID``.

The request names a model, its inputs and candidates (dimension -> size), each with what fills
the inputs that are arguments. Each is fed once, in order, until one runs. Lines of JSON go to standard
output: why the model is refused as such, empty where it is loaded; then a line a try: its number,
the runtime's message, empty where it ran, and whether its outputs can be bound
(one of another rank than the model declares cannot be, more than once).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from harness.core.errors import CaseError
from harness.core.feeds import bind_dimensions, cut, random_rows
from harness.core.inputs import Fill, Input
from harness.measure.worker import numbers
from harness.measure.worker.__main__ import die_with
from harness.measure.worker.engine import one_line
from harness.measure.worker.ort_options import register


def tries(
    runtime: Any,
    session: Any,
    inputs: Sequence[Input],
    candidates: Sequence[Mapping[str, int]],
    batch_dim: str | None,
    fills: Sequence[Mapping[str, Fill]] = (),
) -> Iterator[tuple[str, bool]]:
    """Run `session` at each of `candidates` until one runs.

    Yields each refusal, empty for the one, and whether outputs can be bound.
    """
    for number, sizes in enumerate(candidates):
        given = fills[number] if fills else {}
        fed = [replace(item, fill=given.get(item.name, item.fill)) for item in inputs]
        try:
            dims = bind_dimensions(fed, None, sizes, batch_dim)
            rows = random_rows(fed, dims.batch, dims, 0)
            run = partial(numbers.run, runtime, session, cut(rows, fed, dims.batch, dims, 1)[0])
            values = run()
        except CaseError as error:
            yield str(error), True
        except Exception as error:  # a runtime raises what it likes
            yield one_line(str(error)), True
        else:
            yield "", _bindable(session.get_outputs(), list(values.values())) and _steady(run, values)
            return


def _steady(run: Callable[[], dict[str, Any]], values: dict[str, Any]) -> bool:
    """Return whether a second call makes outputs of the same shapes: a model that draws may not."""
    return [getattr(item, "shape", None) for item in run().values()] == [
        getattr(item, "shape", None) for item in values.values()
    ]


def _bindable(declared: Sequence[Any], values: Sequence[Any]) -> bool:
    pairs = zip(declared, values, strict=True)
    return all(not item.shape or len(item.shape) == getattr(value, "ndim", 0) for item, value in pairs)


def main(path: Path, parent: int) -> None:
    """Answer the request in the file at `path`."""
    die_with(parent)
    asked = json.loads(path.read_text())
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    inputs = [Input.from_json(item) for item in asked["inputs"]]
    try:
        register(options, asked["custom_ops"])
        session = onnxruntime.InferenceSession(asked["path"], options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a runtime raises what it likes
        print(json.dumps({"refused": one_line(str(error))}), flush=True)
        return
    print(json.dumps({"refused": ""}), flush=True)
    found = tries(onnxruntime, session, inputs, asked["candidates"], asked["batch_dim"], asked["fills"])
    for number, (message, bindable) in enumerate(found):
        print(json.dumps({"try": number, "error": message, "bindable": bindable}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
