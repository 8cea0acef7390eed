"""What `harness inspect` found, on one screen."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping

from harness.core.errors import NotFoundError
from harness.core.registry import closest
from harness.core.roles import UNNAMED
from harness.core.units import format_bytes
from harness.inspect.model import Dimension, Inspection, Severity, Value
from harness.show.page import Column, Line, Page, draw, draw_markdown
from harness.show.rows import render_rows
from harness.show.sections import Entry, Section

MOODS = {Severity.BREAKS: "bad", Severity.SLOW: "warning", Severity.UNSURE: "warning"}
FEW = 12
"""Operators that the screen names; JSON has all."""


VIEWS = ("table", "markdown", "csv", "json")


def render(inspection: Inspection, view: str, *, width: int | None = None, color: bool = False) -> str:
    """Write `inspection` as "table", "markdown", "csv" (its lint) or "json". Raises NotFoundError."""
    match view:
        case "table":
            return draw(page(inspection), width=width, color=color)
        case "markdown":
            return draw_markdown(page(inspection))
        case "csv":
            return render_rows(rows(inspection), "csv")
        case "json":
            return json.dumps(inspection.to_json(), indent=1, allow_nan=False)
    raise NotFoundError(f"unknown format {view!r}: {closest(view, VIEWS)}")


def page(inspection: Inspection) -> Page:
    """Lay `inspection` out: inputs and outputs as the table, the rest below."""
    facts = inspection.facts
    values = [("input", value) for value in facts.inputs] + [("output", value) for value in facts.outputs]
    return Page(
        title=f"{facts.path}: {format_bytes(_size(inspection))}, {len(facts.nodes)} nodes",
        said=tuple(_head(inspection)),
        columns=tuple(Column(title, number=False) for title in ("", "name", "type", "shape")),
        lines=tuple(Line((side, value.name, _kind(value), _shape(value))) for side, value in values),
        sections=tuple(_sections(inspection)),
    )


def rows(inspection: Inspection) -> list[dict[str, object]]:
    """Return one flat row for each finding of lint."""
    return [
        {
            "rule": item.rule,
            "severity": str(item.severity),
            "found": item.found,
            "why": item.why,
            "todo": item.todo,
        }
        for item in inspection.lint
    ]


def _size(inspection: Inspection) -> int:
    return inspection.facts.size_bytes + sum(size or 0 for size in inspection.facts.external.values())


def _head(inspection: Inspection) -> Iterator[str]:
    facts = inspection.facts
    domains = [f"{domain} {version}" for domain, version in facts.opsets.items() if domain]
    runtime = inspection.oldest_runtime
    loads = f"loads from ONNX Runtime {runtime} on" if runtime else "newer than every ONNX Runtime known here"
    opsets = ", ".join([f"opset {facts.opset}", *domains])
    yield f"{opsets}; IR version {facts.ir_version}; {loads}"
    if facts.producer:
        yield f"written by {facts.producer}"


def _kind(value: Value) -> str:
    return value.dtype if value.kind == "tensor" else value.kind or "unknown"


def _shape(value: Value) -> str:
    if value.dims is None:
        return "unknown"
    return f"[{', '.join(_dimension(size) for size in value.dims)}]"


def _dimension(size: Dimension) -> str:
    return "unnamed" if size is None or str(size) in UNNAMED else str(size)


def _counts(counts: Mapping[str, int], few: int = FEW) -> str:
    named = [f"{name} {count}" for name, count in list(counts.items())[:few]]
    left = len(counts) - few
    return ", ".join(named) + (f" and {left} more kinds" if left > 0 else "")


def _sections(inspection: Inspection) -> Iterator[Section]:
    facts = inspection.facts
    yield from _section("Operators", [_counts(inspection.operators)])
    yield from _section("Computes in", [_counts(inspection.computes)])
    weights = [
        f"{dtype}: {elements:,} in {tensors} {'tensor' if tensors == 1 else 'tensors'}, {format_bytes(size)}"
        for dtype, (tensors, elements, size) in inspection.weights.items()
    ]
    yield from _section("Parameters", weights)
    if inspection.subgraphs:
        yield from _section("Subgraphs", [f"{inspection.subgraphs} nodes in subgraphs or functions"])
    outside = [
        f"{name}: {'missing' if size is None else format_bytes(size)}"
        for name, size in facts.external.items()
    ]
    yield from _section("External data", outside)
    yield from _section("Metadata", [f"{key}: {value[:60]}" for key, value in facts.metadata.items()])
    for item in inspection.lint:
        entries = (Entry(f"costs: {item.why}"), Entry(f"do: {item.todo}"))
        yield Section(f"{item.severity}: {item.found}", entries, MOODS[item.severity])
    yield from _section("Measure it", [shlex.join(inspection.command)])


def _section(title: str, texts: Iterable[str]) -> Iterator[Section]:
    entries = tuple(Entry(text) for text in texts if text)
    if entries:
        yield Section(title, entries)
