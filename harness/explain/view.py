"""Explanations as documents: what is to blame first, then all that was compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.core.units import count, format_percent
from harness.explain.model import Explanations, OutputsExplanation, Step, TensorError, TensorVerdict
from harness.show.fields import Field, columns_of, filled, lines_of
from harness.show.page import Page
from harness.show.sections import Entry, Section

MOST = 40
"""Rows that a terminal shows."""

MOODS = {TensorVerdict.BEYOND: "bad", TensorVerdict.UNSTEADY: "warning", TensorVerdict.UNCOMPARED: "warning"}


@dataclass(frozen=True, slots=True)
class OutputsDocument:
    """Where the numbers part, for every view."""

    found: Explanations[OutputsExplanation]

    @property
    def kind(self) -> str:
        """What it is."""
        return "explanation"

    def page(self) -> Page:
        """Lay it out: a page a case."""
        return pages([_page(item) for item in self.found.found], self.found.missing)

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a case and tensor."""
        return [
            {
                "case": item.case,
                "tensor": tensor.tensor,
                "verdict": str(tensor.verdict),
                "sqnr_db": tensor.sqnr_db,
                "max_abs_error": tensor.max_abs_error,
                "differing_ratio": tensor.differing_ratio,
                "base_nonfinite_ratio": tensor.base_nonfinite_ratio,
                "head_nonfinite_ratio": tensor.head_nonfinite_ratio,
                "values": tensor.values,
                "dtype": tensor.dtype,
                "base": " ".join(tensor.base.ops) if tensor.base else "",
                "head": " ".join(tensor.head.ops) if tensor.head else "",
                "reason": tensor.reason,
            }
            for item in self.found.found
            for tensor in item.tensors
        ]

    def data(self) -> list[dict[str, Any]]:
        """Return an object a case."""
        return self.found.to_json()


def pages(found: list[Page], missing: Mapping[str, str]) -> Page:
    """Return pages as one, the cases without an explanation at the end."""
    if missing:
        entries = tuple(Entry(why, (case,)) for case, why in missing.items())
        section = Section(f"Not explained: {count(len(entries), 'case')}", entries, "bad")
        found = [*found, Page(title="", sections=(section,))]
    first, *more = found or [Page(title="nothing to explain")]
    return replace(first, most=MOST, more=tuple(more))


def _page(item: OutputsExplanation) -> Page:
    fields = filled(_fields(), item.tensors)
    return Page(
        title=f"{item.case}: {_headline(item)}",
        head=(
            f"BASE ({describe_arm(item.base)}) -> HEAD ({describe_arm(item.head)})",
            f"{count(len(item.tensors), 'tensor')} that both have, on {count(item.samples, 'sample')} of "
            f"{item.data}; {item.limit_db:.0f} dB are asked for",
        ),
        columns=columns_of(fields),
        lines=lines_of(fields, item.tensors, lambda tensor: MOODS.get(tensor.verdict, "")),
        sections=tuple(_sections(item)),
        most=MOST,
    )


def _headline(item: OutputsExplanation) -> str:
    if item.first is None:
        return "no tensor is beyond the tolerance"
    return f"{item.first.tensor!r} is the first tensor beyond the tolerance"


def describe_arm(point: Mapping[str, str]) -> str:
    """Write what an arm is."""
    return ", ".join(f"{axis}={value}" for axis, value in point.items())


def _fields() -> tuple[Field[TensorError], ...]:
    return (
        Field("tensor", lambda item: item.tensor),
        Field("verdict", lambda item: str(item.verdict)),
        Field("SQNR", lambda item: None if item.sqnr_db is None else f"{item.sqnr_db:.1f} dB", number=True),
        Field("largest error", _error, number=True, drop=2),
        Field("differ", lambda item: format_percent(item.differing_ratio), number=True, drop=3),
        Field("NaN, Inf", _nonfinite, number=True, drop=4),
        Field("base", lambda item: _ops(item.base), drop=6),
        Field("head", lambda item: _ops(item.head), drop=5),
        Field("type", lambda item: item.dtype, drop=7),
    )


def _error(item: TensorError) -> str | None:
    return None if item.max_abs_error is None else f"{item.max_abs_error:.3g}"


def _nonfinite(item: TensorError) -> str | None:
    ratios = item.base_nonfinite_ratio, item.head_nonfinite_ratio
    return " -> ".join(map(format_percent, ratios)) if any(ratios) else None


def _ops(step: Step | None) -> str | None:
    return list_ops(step.ops) if step else None


def list_ops(ops: Sequence[str]) -> str:
    """Write operators, each once with how many there are."""
    counted = Counter(ops)
    return "+".join(op if number == 1 else f"{op} ×{number}" for op, number in counted.items())


def _sections(item: OutputsExplanation) -> Iterator[Section]:
    if item.first is not None:
        yield _blame(item, item.first)
    ends = [found for name in item.outputs if (found := item.error_of(name))]
    if ends:
        entries = tuple(Entry(f"{found.tensor}: {_word(found)}") for found in ends)
        bad = any(found.verdict is TensorVerdict.BEYOND for found in ends)
        yield Section("Outputs of the model", entries, "bad" if bad else "good")
    unsure = [found for found in item.tensors if MOODS.get(found.verdict) == "warning"]
    if unsure:
        entries = tuple(Entry(f"{found.tensor}: {found.reason}") for found in unsure)
        yield Section(f"Not decided: {count(len(unsure), 'tensor')}", entries, "warning")
    notes = list(item.notes)
    if item.hidden:
        notes.append(f"{count(item.hidden, 'tensor')} in one of the graphs alone: fused away in the other")
    if item.unseen:
        notes.append(
            f"{count(item.unseen, 'tensor')} not looked at: too large, or the time was up (--budget)"
        )
    if notes:
        yield Section("Notes", tuple(map(Entry, notes)), "warning" if item.notes or item.unseen else "")


def _blame(item: OutputsExplanation, first: TensorError) -> Section:
    entries = [Entry(first.reason)]
    for name, step in (("head", first.head), ("base", first.base)):
        if step is not None:
            nodes = [f"{op} {node}" for op, node in zip(step.ops, step.nodes, strict=True)]
            entries.append(Entry(f"{name} computes it by {count(len(nodes), 'node')}:", tuple(nodes)))
    if first.head is not None and first.head.inputs:
        reads = []
        for name in first.head.inputs:
            found = item.error_of(name)
            reads.append(f"{name}: {_word(found) if found else 'an input of the model'}")
        entries.append(Entry("from:", tuple(reads)))
    return Section(f"First beyond the tolerance: {first.tensor}", tuple(entries), "bad")


def _word(found: TensorError) -> str:
    if found.verdict in (TensorVerdict.IDENTICAL, TensorVerdict.UNCOMPARED, TensorVerdict.UNSTEADY):
        return f"{found.verdict}{f': {found.reason}' if found.reason else ''}"
    number = f"SQNR {found.sqnr_db:.1f} dB" if found.sqnr_db is not None else found.reason
    return f"{number or 'differs'} ({found.verdict} the tolerance)"
