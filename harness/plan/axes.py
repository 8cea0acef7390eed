"""The axes of a sweep: which values each takes.

A new axis is one line in AXES, beside its field in `harness.core.case`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from harness.core import requirement
from harness.core import vocabulary as names
from harness.core.case import CPU, FP32, NO_CONFIG, NO_SHAPES
from harness.core.conditions import spell
from harness.plan.files import look
from harness.plan.option import config, precision, provider, shapes
from harness.plan.scalar import Check, Expected, choice, integer, several
from harness.plan.strict import strict_model, written

MAX_BATCH = 2**20
MAX_THREADS = 4096
OPSETS = (7, 30)

Part = Literal["artifact", "session", "load"]


def _or_null(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _exporter(value: Any) -> str | None:
    exporter: str | None = _or_null(choice("exporter", names.EXPORTERS, names.EXPORTERS_GROUP))(value)
    return exporter


def _graph_opt(value: Any) -> str:
    if type(value) is int and value in names.GRAPH_OPT:
        return names.GRAPH_OPT[value]
    if not isinstance(value, str):
        raise Expected(f"expected one of {', '.join(names.GRAPH_OPT.values())}, or 0, 1, 2, 99")
    level: str = choice("graph_opt", names.GRAPH_OPT.values())(value)
    return level


def _threads(value: Any) -> int:
    if value == "auto":
        return 0
    if type(value) is not int or not 0 <= value <= MAX_THREADS:
        raise Expected(f"expected an integer from 0 to {MAX_THREADS}, or auto")
    return value


def _runtime(value: Any) -> str:
    """Check for what may be handed to an installer: never an option, a URL or shell text."""
    if isinstance(value, str):
        if value == "current" or value in names.ROLLING:
            return value
        if "==" in value or value.endswith(".whl"):
            requirement.check(value, look)
            return value
    raise Expected(
        "expected current, latest, nightly, a requirement such as onnxruntime==1.22.1, "
        "or the path of a .whl file"
    )


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: the part of a case that it sets, its default, and the check of one value."""

    name: str
    part: Part
    default: Any
    check: Check


AXES = (
    Axis("exporter", "artifact", None, _exporter),
    Axis("opset", "artifact", None, _or_null(integer(*OPSETS))),
    Axis("precision", "artifact", FP32, precision),
    Axis("format", "artifact", "onnx", choice("format", names.FORMATS)),
    Axis("runtime", "session", "current", _runtime),
    Axis("provider", "session", CPU, provider),
    Axis("graph_opt", "session", "all", _graph_opt),
    Axis("execution_mode", "session", "sequential", choice("execution mode", names.EXECUTION_MODES)),
    Axis("intra_threads", "session", 0, _threads),
    Axis("inter_threads", "session", 0, _threads),
    Axis("config", "session", NO_CONFIG, config),
    Axis("batch", "load", 1, integer(1, MAX_BATCH)),
    Axis("shapes", "load", NO_SHAPES, shapes),
    Axis("io", "load", "iobinding", choice("io", names.IO)),
)


def label(axis: str, value: Any) -> Any:
    """Give an axis value as `Case.axes` shows it."""
    if axis == "runtime":
        return value.rpartition("/")[2]
    return getattr(value, "name", value)


def _distinct(axis: str) -> Check:
    def check(values: tuple[Any, ...]) -> tuple[Any, ...]:
        seen: set[str] = set()
        for value in values:
            text = spell(label(axis, value))
            if text in seen:
                raise ValueError(f"{text!r} is there twice")
            seen.add(text)
        return values

    return check


_Axes = strict_model("Axes", {axis.name: several(axis.check, _distinct(axis.name)) for axis in AXES})


def axes(value: Any) -> dict[str, tuple[Any, ...]]:
    """Check a mapping of axes to a value or a list of values; gives those that it names."""
    return written(_Axes.model_validate(value))
