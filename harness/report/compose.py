"""Put a report together: what was measured where, what comes first, each model, what did not work."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.core.decision import Change, RunComparison, Trend
from harness.core.record import BAD, Record, Status
from harness.core.report import Report, Row
from harness.core.scaling import Scaling
from harness.core.units import count, format_bytes, format_percent, format_span
from harness.profile.stored import StoredProfile
from harness.report.cases import Cases
from harness.report.charts import charts
from harness.report.contrast import against, history
from harness.report.model import Part, RunReport
from harness.report.profiled import profile_charts
from harness.show.fields import columns_of, filled, lines_of
from harness.show.grid import fields, groups, without_values
from harness.show.scaling import scaling_sections
from harness.show.sections import Entry, Section, SectionKind, sections

MAX_DRAWN = 24
"""Models whose charts are drawn: a page is to open at once, and to be made in a minute."""

MAX_SCALED = 6
"""Curves over threads, and over the batch, that are told in words for a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a report is made of, read from where it is stored."""

    run: str
    suite: str
    suite_path: str
    started_at: str
    finished_at: str  # empty while it is unfinished
    commit: str
    dirty: bool
    harness: str  # version
    command: tuple[str, ...]
    machine: str
    environment: Mapping[str, Any]
    report: Report
    contrast: RunComparison | None = None
    trends: Sequence[Trend] = ()
    lint: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)  # file -> what, and why
    profiles: Mapping[str, StoredProfile] = field(default_factory=dict)  # by the key of the case
    results: str = "results"  # the folder, as commands name it


def compose(found: Gathered) -> RunReport:
    """Make the report."""
    parts = list(sections(found.report))
    best = tuple(part for part in parts if part.kind is SectionKind.BEST)
    return RunReport(
        title=f"{found.suite}: run {found.run}",
        description=" ".join(found.report.description.split()),
        facts=tuple((term, text) for term, text in _facts(found) if text),
        answers=(*_headlines(found), *best),
        against=against(found.contrast) if found.contrast else None,
        models=tuple(_models(found.report, found.profiles)),
        history=history(found.trends),
        troubles=(*(part for part in parts if part.kind is not SectionKind.BEST), *_lint(found.lint)),
        commands=tuple(_commands(found)),
    )


def _headlines(found: Gathered) -> Iterator[Section]:
    """Say in a line each how the cases ended, what got worse, and how the gates ended."""
    records = found.report.records
    measured = sum(record.status is Status.OK for record in records)
    bad = sum(record.status in BAD for record in records)
    others = len(records) - measured - bad
    entries = [
        Entry(
            f"{measured} of {count(len(records), 'case')} measured"
            + (f", {bad} failed" if bad else "")
            + (f", {others} skipped or unsupported" if others else "")
        )
    ]
    if not measured:
        entries.append(
            Entry("No case was measured: there is nothing to compare or to draw, only reasons below")
        )
    gates = found.report.gates
    if gates:
        failed = sum(gate.failed for gate in gates)
        entries.append(Entry(f"{failed} of {count(len(gates), 'gate')} failed"))
    if found.contrast:
        verdicts = [item.decision.verdict for item in found.contrast.compared.comparisons]
        worse = verdicts.count(Change.REGRESSION)
        better = verdicts.count(Change.IMPROVEMENT)
        base = found.contrast.base.run
        entries.append(
            Entry(f"Against run {base}: {count(worse, 'regression')}, {count(better, 'improvement')}")
        )
    mood = "bad" if bad or not measured or any(gate.failed for gate in gates) else ""
    yield Section("In short", tuple(entries), mood)


def _facts(found: Gathered) -> Iterator[tuple[str, str]]:
    records = found.report.records
    environment = found.environment
    cpu, memory = _part(environment, "cpu"), environment.get("memory_total_bytes")
    machine = _part(environment, "virtualization")
    virtual = [name for name in ("hypervisor", "container") if machine.get(name)]
    system = [environment.get("os"), environment.get("kernel") and f"kernel {environment['kernel']}"]
    yield "Suite", f"{found.suite}{f' ({found.suite_path})' if found.suite_path else ''}"
    yield "Measured", _when(found)
    yield "Runtime", ", ".join(_distinct(str(record.runtime) for record in records))
    yield "Machine", found.machine
    yield "Processor", _processor(cpu)
    yield "Memory", format_bytes(memory) if isinstance(memory, int | float) else ""
    yield "System", ", ".join(str(text) for text in (*system, *virtual) if text)
    yield "Cores used", "; ".join(_distinct(", ".join(map(str, record.cores)) for record in records))
    yield "Inputs", ", ".join(_distinct(_inputs(record) for record in records))
    yield "Sampling", "; ".join(_distinct(_sampling(record) for record in records))
    dirty = ", with uncommitted changes" if found.dirty else ""
    yield "Commit", f"{found.commit[:12]}{dirty}" if found.commit else ""
    yield "Harness", found.harness


def _when(found: Gathered) -> str:
    started = found.started_at[:16].replace("T", " ")
    took = sum(record.duration_s for record in found.report.records)
    end = "" if found.finished_at else "; unfinished: more cases were planned"
    return f"{started} UTC, {format_span(took)} of measuring{end}" if started else ""


def _processor(cpu: Mapping[str, Any]) -> str:
    cores = f"{cpu['logical']} logical cores" if cpu.get("logical") else ""
    settings = [f"{key} {cpu[key]}" for key in ("governor", "turbo") if cpu.get(key) not in (None, "")]
    return ", ".join(filter(None, (str(cpu.get("model") or ""), cores, *settings)))


def _inputs(record: Record) -> str:
    name = record.data.get("name")
    if name:
        return f"{name} ({str(record.data.get('sha256') or '')[:12]})"
    return f"{record.feeds} inputs" if record.feeds else ""


def _sampling(record: Record) -> str:
    asked = record.sampling
    calls, seconds, width = (asked.get(rule) for rule in ("calls", "seconds", "target_ci"))
    ends = [
        count(calls, "call") if isinstance(calls, int) else "",
        f"{seconds:g} s" if seconds else "",
        f"until p50 is known to {format_percent(width)}" if width else "",
    ]
    text = " or ".join(filter(None, ends))
    processes = asked.get("processes")
    return f"{text} in {count(processes, 'process')}" if text and isinstance(processes, int) else text


def _models(report: Report, profiles: Mapping[str, StoredProfile]) -> Iterator[Part]:
    absent, whole = tuple(without_values(report)), fields(report)
    for index, (model, rows) in enumerate(groups(report).items()):
        cases, drawn = Cases.of(model, rows), index < MAX_DRAWN
        needless = {"model", *report.axes}.difference(cases.axes)
        shown = filled([field for field in whole if field.title not in needless], rows)
        yield Part(
            name=f"model-{index + 1}",
            title=model,
            text=(_leader(cases), *(() if drawn else (_NOT_DRAWN,))),
            columns=columns_of(shown),
            lines=lines_of(shown, rows, _mood),
            absent=absent if index == 0 else (),
            charts=(*charts(cases), *profile_charts(cases, profiles)) if drawn else (),
            sections=tuple(_scaling(report.scaling, model)),
        )


def _scaling(found: Scaling, model: str) -> Iterator[Section]:
    """Give the curves of a model, as many as a page has room for."""
    own = Scaling(
        tuple(curve for curve in found.threads if curve.model == model),
        tuple(curve for curve in found.batches if curve.model == model),
    )
    for section in scaling_sections(own):
        more = len(section.entries) - MAX_SCALED
        rest = (Entry(f"and {count(more, 'curve')} more: harness show --format json has all"),)
        yield replace(section, entries=(*section.entries[:MAX_SCALED], *(rest if more > 0 else ())))


_NOT_DRAWN = f"Its charts are left out: those of the first {MAX_DRAWN} models are drawn."


def _mood(row: Row) -> str:
    return "good" if row.rank == 1 else "dim" if row.baseline else ""


def _leader(cases: Cases) -> str:
    first = cases.rows[0]
    text = (
        f"{count(len(cases.rows), 'case')} measured; the least time a sample has {cases.label(first.record)}"
    )
    if len(cases.rows) == 1:
        text = "1 case measured"
    if first.speedup is not None and not first.baseline:
        return f"{text}, {first.speedup:.2f} times as fast as the baseline."
    return f"{text}."


def _lint(found: Mapping[str, Sequence[tuple[str, str]]]) -> Iterator[Section]:
    entries = tuple(
        Entry(name, tuple(f"{what}: {why}" for what, why in lines)) for name, lines in found.items() if lines
    )
    if entries:
        yield Section(f"Lint: {count(len(entries), 'model file')}", entries, "warning")


def _commands(found: Gathered) -> Iterator[tuple[str, str]]:
    where = "" if found.results == "results" else f" --results {shlex.quote(found.results)}"
    if found.command:
        program, *rest = found.command
        yield "measured it", shlex.join([program.rpartition("/")[2], *rest])
    elif found.suite_path:
        yield "measures it again", shlex.join(["harness", "run", found.suite_path])
    yield "shows it", f"harness show {found.run}{where}"
    best = [advice.case for advice in found.report.advice] or [
        record.case for record in found.report.records if record.status is Status.OK
    ]
    if best:
        yield (
            "prints a script that repeats the best case",
            f"harness repro {shlex.quote(best[0])} --run {found.run}{where}",
        )
    if found.contrast:
        yield (
            "compares again, and lets an A/B decide",
            f"harness compare {found.contrast.base.run} {found.run} --confirm{where}",
        )
    compared = f" --against {found.contrast.base.run}" if found.contrast else ""
    yield "writes this page", f"harness report {found.run}{compared}{where}"


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def _distinct(texts: Iterator[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]
