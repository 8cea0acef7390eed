"""The axes of a sweep: which values each may take.

A new axis is one row in `AXES`, for the field of that name in
`harness.core.case`, where its default is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic import Strict as Exact

from harness.core import requirement
from harness.core.case import CURRENT, DEFAULTS, shown
from harness.core.vocabulary import EXECUTION_MODES, FORMATS, GRAPH_OPT, IO, ROLLING
from harness.plan.exporter import Exporter
from harness.plan.files import look
from harness.plan.optimizer import Optimizer
from harness.plan.option import Config, Converter, Precision, Provider, Shapes
from harness.plan.scalar import Choice, Expect, Integer, distinct
from harness.plan.strict import strict_model, written

MAX_BATCH = 2**20
MAX_THREADS = 4096
OPSETS = (7, 30)


def _quantizer(value: str) -> str:
    """Check for a released version: of a wheel, a key would not say what it is."""
    if value != CURRENT:
        requirement.check(value, look)
    return value


def _runtime(value: str) -> str:
    """Check for what may be handed to an installer: never an option, a URL or shell text."""
    if value != "current" and value not in ROLLING:
        requirement.check(value, look)
    return value


Runtime = Annotated[
    Annotated[str, Choice("runtime", ("current", *ROLLING))]
    | Annotated[str, Exact(), StringConstraints(pattern=r"==|\.whl$")],
    Expect("current, latest, nightly, a requirement such as onnxruntime==1.22.1, or the path of a .whl file"),
    AfterValidator(_runtime),
]

Quantizer = Annotated[
    Annotated[str, Choice("quantizer", (CURRENT,))]
    | Annotated[str, Exact(), StringConstraints(pattern=r"==")],
    Expect("current, or a requirement such as onnxruntime==1.20.1"),
    AfterValidator(_quantizer),
]

Threads = Annotated[
    Annotated[int, Exact(), Field(ge=0, le=MAX_THREADS)] | Literal["auto"],
    Expect(f"an integer from 0 to {MAX_THREADS}, or auto"),
    AfterValidator(lambda value: 0 if value == "auto" else value),
]

GraphOpt = Annotated[
    str | int,
    Choice("graph_opt", tuple(GRAPH_OPT.values()), numbers=tuple(GRAPH_OPT)),
    AfterValidator(lambda value: GRAPH_OPT.get(value, value)),
]

AXES: Mapping[str, tuple[Any, str]] = {
    "exporter": (
        Exporter | None,
        "How a torch source is exported, by name or with options; null: the source's own way.",
    ),
    "opset": (Annotated[int, Integer(*OPSETS)] | None, "Operator set; null: as the source has it."),
    "precision": (Precision, "Precision of the model file, by name or with options under a new name."),
    "format": (Annotated[str, Choice("format", FORMATS)], "Format of the model file."),
    "converter": (
        Converter,
        "Version of the tool that converts a source such as sklearn; with other packages under a name.",
    ),
    "optimizer": (
        Optimizer,
        "What rewrites the FP32 graph first, by name, as name==version, or with options under a new name.",
    ),
    "quantizer": (Quantizer, "Version of ONNX Runtime whose tools convert to the precision."),
    "runtime": (Runtime, "Version of ONNX Runtime."),
    "provider": (Provider, "Execution provider, by name or with options under a new name."),
    "graph_opt": (GraphOpt, "Graph optimization level."),
    "execution_mode": (
        Annotated[str, Choice("execution mode", EXECUTION_MODES)],
        "Whether operators run one after another or side by side.",
    ),
    "intra_threads": (Threads, "Threads within an operator; 0 or auto: as many as the cores at hand."),
    "inter_threads": (
        Threads,
        "Threads across operators, of use with parallel only; 0 or auto: as the cores at hand.",
    ),
    "config": (Config, "Session config entries and SessionOptions attributes under a name."),
    "batch": (Annotated[int, Integer(1, MAX_BATCH)], "Samples a call."),
    "shapes": (Shapes, "Sizes of symbolic dimensions under a name."),
    "io": (Annotated[str, Choice("io", IO)], "Whether inputs and outputs are bound beforehand."),
}
"""Axis -> the type of one value, and what it is, for people."""


def _field(axis: str) -> Any:
    kind, description = AXES[axis]
    extra: Any = {"default": shown(axis, DEFAULTS[axis])}
    values: Any = distinct(kind)
    return Annotated[values, Field(description=description, json_schema_extra=extra)]


_AXES: Any = strict_model(
    "Axes", "Axis to value or list of values.", {axis: _field(axis) for axis in DEFAULTS}
)

Axes = Annotated[_AXES, AfterValidator(written)]
