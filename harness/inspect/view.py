"""What `harness inspect` found, on one screen."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.roles import is_unnamed
from harness.core.units import format_bytes
from harness.inspect.model import Dimension, Inspection, LevelFusions, Severity, Value
from harness.show.fields import Field, columns_of, lines_of
from harness.show.page import Page
from harness.show.sections import Entry, Section

MOODS = {Severity.BREAKS: "bad", Severity.SLOW: "warning", Severity.UNSURE: "warning"}
FEW = 12
"""Operators that the screen names; JSON has all."""

FIELDS: tuple[Field[tuple[str, Value]], ...] = (
    Field("", lambda item: item[0]),
    Field("name", lambda item: item[1].name),
    Field("type", lambda item: _kind(item[1])),
    Field("shape", lambda item: _shape(item[1])),
)


@dataclass(frozen=True, slots=True)
class InspectionDocument:
    """What a model file is, for every view."""

    inspection: Inspection

    @property
    def kind(self) -> str:
        """What it is."""
        return "inspection"

    def page(self) -> Page:
        """Lay it out: inputs and outputs as the table, the rest below."""
        facts = self.inspection.facts
        values = [("input", value) for value in facts.inputs] + [("output", value) for value in facts.outputs]
        return Page(
            title=f"{facts.path}: {format_bytes(_size(self.inspection))}, {len(facts.nodes)} nodes",
            head=tuple(_head(self.inspection)),
            columns=columns_of(FIELDS),
            lines=lines_of(FIELDS, values),
            sections=tuple(_sections(self.inspection)),
        )

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a finding of lint."""
        return [
            {
                "rule": item.rule,
                "severity": str(item.severity),
                "found": item.found,
                "why": item.why,
                "todo": item.todo,
            }
            for item in self.inspection.lint
        ]

    def data(self) -> dict[str, Any]:
        """Return one object."""
        return self.inspection.to_json()


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
    return f"[{', '.join(_dimension(value.dims, axis) for axis in range(len(value.dims)))}]"


def _dimension(dims: Sequence[Dimension], axis: int) -> str:
    size = dims[axis]
    if isinstance(size, int) and size > 0:
        return str(size)
    return "unnamed" if is_unnamed(dims, axis) else str(size)


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
    for level in inspection.fusions:
        yield _fusions(level)
    for item in inspection.lint:
        entries = (Entry(f"costs: {item.why}"), Entry(f"do: {item.todo}"))
        yield Section(f"{item.severity}: {item.found}", entries, MOODS[item.severity])
    measure = [shlex.join(inspection.command)]
    if inspection.open_sizes:
        names = ", ".join(inspection.open_sizes)
        measure.append(f"(tries sizes for {names} until the model runs; --shape NAME=SIZE sets one)")
    yield from _section("Measure it", measure)


def _fusions(level: LevelFusions) -> Section:
    if level.reason:
        return Section(f"Fusions at graph_opt {level.level}: not known", (Entry(level.reason),), "warning")
    entries = [Entry(f"{text}: {number}") for text, number in level.fused.items()]
    entries += [Entry(f"left: {pattern}: {number}") for pattern, number in level.left.items()]
    title = f"Fusions at graph_opt {level.level}: {level.nodes} nodes"
    return Section(title, tuple(entries) or (Entry("none"),))


def _section(title: str, texts: Iterable[str]) -> Iterator[Section]:
    entries = tuple(Entry(text) for text in texts if text)
    if entries:
        yield Section(title, entries)
