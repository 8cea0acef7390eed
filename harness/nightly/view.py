"""A nightly report as a document: what got worse, since when, by how much, how surely; what is unmeasured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.core.decision import DATA, Change, Decision, DecisionSource, MetricComparison, RunComparison
from harness.core.metrics import HEADLINE, METRICS
from harness.core.record import BAD
from harness.core.report import Report, unevaluated
from harness.core.units import count, format_percent
from harness.nightly.model import Confidence, NightlyFinding, NightlyReport, numbers
from harness.show.cells import Cell, interval_of, percent
from harness.show.comparisons import blame_entries, count_verdicts, need
from harness.show.fields import Field, columns_of, lines_of
from harness.show.page import Page
from harness.show.sections import Entry, Section, SectionKind, sections
from harness.show.sections import summary as count_cases
from harness.show.wording import cause

MAX_ENTRIES, MAX_LINES = 50, 20
"""Rows of a table or entries of a section, and lines of an entry: CI systems refuse more than a megabyte."""

LEFT_OUT = (SectionKind.NOTES, SectionKind.BEST, SectionKind.GATES_PASSED)
"""The report's sections that are about the numbers, not about what got worse."""


@dataclass(frozen=True, slots=True)
class NightlyDocument:
    """A nightly report, for every view; its page is bounded in length."""

    night: NightlyReport

    @property
    def kind(self) -> str:
        """What it is."""
        return "nightly report"

    @property
    def report(self) -> Report:
        """The run, with what got worse as gates that failed: for views that show runs."""
        return self.night.judged

    def page(self) -> Page:
        """Lay it out."""
        return _page(self.night)

    def rows(self) -> list[dict[str, Any]]:
        """Give a row a finding."""
        return [{**row, "causes": "; ".join(row["causes"])} for row in map(_finding, self.night.findings)]

    def data(self) -> dict[str, Any]:
        """Return all comparisons and findings as one object."""
        night = self.night
        return {
            "run": night.run,
            "suite": night.suite,
            "machine": night.machine,
            "findings": [_finding(finding) for finding in night.findings],
            "against": {name: _contrast(contrast) for name, contrast in night.contrasts.items()},
            "not_compared": dict(night.not_compared),
            "gates": [asdict(gate) for gate in night.report.gates],
            "notes": list(night.notes),
            "dashboard": night.dashboard,
        }


def headline(night: NightlyReport) -> str:
    """Count what got worse."""
    if not night.measured:
        return "nothing was measured"
    open_gates = len(unevaluated(night.report.gates))
    parts = {
        "regression": len(group(night.alarms)),
        "failed gate": sum(gate.failed for gate in night.report.gates),
        "failed case": sum(record.status in BAD for record in night.report.records),
    }
    texts = [count(number, noun) for noun, number in parts.items() if number]
    if open_gates:
        texts.append(f"{count(open_gates, 'gate')} without data")
    return ", ".join(texts) or _nothing_worse(night)


def _nothing_worse(night: NightlyReport) -> str:
    """Say that nothing got worse, of what was compared."""
    if night.not_compared and not night.contrasts:
        return "nothing failed, and nothing to compare with"
    every = [contrast.compared for contrast in night.contrasts.values()]
    unlike = {
        item.metric.partition("/")[0]
        for compared in every
        for item in compared.comparisons
        if not item.decision.comparable
    }
    if any(compared.refused for compared in every):
        unlike.add("timings")
    if not unlike:
        return "nothing got worse"
    return f"nothing got worse in what was compared; not all compared: {', '.join(sorted(unlike))}"


def change(decision: Decision) -> str:
    """Write by how much HEAD differs: ``+12.00%``; empty where no ratio is known."""
    return "" if decision.ratio is None else format_percent(decision.ratio - 1, signed=True)


def surely(item: MetricComparison, confidence: Confidence) -> str:
    """Write what a finding rests on."""
    decision = item.decision
    unit = "block" if confidence is Confidence.CONFIRMED else "process"
    parts = [
        f"{confidence} by an A/B" if confidence is Confidence.CONFIRMED else str(confidence),
        str(decision.source) if decision.source is DecisionSource.EXACT and decision.p is None else "",
        f"p = {decision.p:.2g}" if decision.p is not None else "",
        count(decision.blocks, unit) if decision.blocks and decision.p is not None else "",
        decision.reason if decision.p is None else "",
        need(decision),
    ]
    return ", ".join(filter(None, parts))


def group(findings: Iterable[NightlyFinding]) -> list[tuple[NightlyFinding, str]]:
    """Put metrics of one case that go together behind the best known of them; the text names the others."""
    found: dict[tuple[str, str, str], list[NightlyFinding]] = {}
    for finding in findings:
        item = finding.comparison
        family = item.metric.partition("/")[0].replace("throughput", "latency")
        found.setdefault((finding.against, item.case, family), []).append(finding)
    return [_lead(sorted(together, key=_place)) for together in found.values()]


def _place(finding: NightlyFinding) -> int:
    names = list(METRICS)
    metric = finding.comparison.metric
    return names.index(metric) if metric in names else len(names)


def _lead(findings: Sequence[NightlyFinding]) -> tuple[NightlyFinding, str]:
    first, *others = findings
    texts = [f"{one.comparison.metric} {change(one.comparison.decision)}".strip() for one in others]
    return first, ", ".join(texts)


def _page(night: NightlyReport) -> Page:
    alarms = group(night.alarms)
    more = (
        [f"{len(alarms) - MAX_ENTRIES} more regressions: comparison.json has all"]
        if len(alarms) > MAX_ENTRIES
        else []
    )
    return Page(
        title=f"{night.suite}: {headline(night)}",
        head=(
            f"run {night.run} of {night.started_at}, {_runtimes(night)}, machine {night.machine}"
            + (f", commit {night.commit[:10]}" if night.commit else ""),
            count_cases(night.report),
            *(f"against {name}: {_against(contrast)}" for name, contrast in night.contrasts.items()),
            *(f"against {name}: not compared: {why}" for name, why in night.not_compared.items()),
            f"dashboard: {night.dashboard}",
            *more,
        ),
        columns=columns_of(FIELDS) if alarms else (),
        lines=lines_of(FIELDS, alarms[:MAX_ENTRIES], lambda alarm: "bad"),
        sections=tuple(map(_short, _sections(night))),
    )


def _runtimes(night: NightlyReport) -> str:
    found = sorted({str(record.runtime) for record in night.report.records if record.runtime})
    return ", ".join(found) or "no runtime"


def _against(contrast: RunComparison) -> str:
    """Count the verdicts, and say how small a change of the median could have been seen."""
    items = contrast.compared.comparisons
    seen = [item.decision.mde for item in items if item.metric == HEADLINE and item.decision.mde is not None]
    reach = f"; changes of {HEADLINE} are seen from {format_percent(min(seen))}" if seen else ""
    if seen and max(seen) > min(seen):
        reach += f" to {format_percent(max(seen))}"
    base = contrast.base
    return f"run {base.run} of {base.started_at}: {count_verdicts(items)}{reach}"


Alarm = tuple[NightlyFinding, str]
"""A finding, and the metrics that go together with it."""

FIELDS: tuple[Field[Alarm], ...] = (
    Field("case", lambda alarm: alarm[0].comparison.case),
    Field("metric", lambda alarm: _metric(*alarm)),
    Field("against", lambda alarm: alarm[0].against),
    Field("was -> is", lambda alarm: numbers(alarm[0].comparison), number=True, drop=1),
    Field("change", lambda alarm: _change(alarm[0].comparison.decision), number=True),
    Field("95% interval", lambda alarm: interval_of(alarm[0].comparison.decision), number=True, drop=3),
    Field("how surely", lambda alarm: surely(alarm[0].comparison, alarm[0].confidence), drop=2),
    Field("since", lambda alarm: _since(alarm[0]), drop=4),
)


def _metric(finding: NightlyFinding, others: str) -> str:
    return f"{finding.comparison.metric} ({others})" if others else finding.comparison.metric


def _change(decision: Decision) -> Cell:
    return None if decision.ratio is None else percent(decision.ratio - 1, signed=True)


def _since(finding: NightlyFinding) -> str:
    return f"{finding.since} ({finding.since_at[:10]})" if finding.since else ""


def _sections(night: NightlyReport) -> Iterator[Section]:
    if because := blame_entries(night.contrasts.values()):
        yield Section("Why it is slower", because)
    causes = _causes(night.alarms)
    if causes:
        yield Section("What else differs where it got worse", causes)
    shown = [section for section in sections(night.report) if section.kind not in LEFT_OUT]
    yield from (section for section in shown if section.mood == "bad")
    for title, confidence in (
        ("Looks worse, not shown", Confidence.OPEN),
        ("Refuted by an A/B", Confidence.REFUTED),
    ):
        found = [finding for finding in night.findings if finding.confidence is confidence]
        if found:
            yield Section(f"{title}: {len(found)}", tuple(map(_entry, found)), "warning")
    better = [
        Entry(f"{item.case}: {item.metric} {change(item.decision)} ({name}: {numbers(item)})")
        for name, contrast in night.contrasts.items()
        for item in contrast.compared.comparisons
        if item.decision.verdict is Change.IMPROVEMENT
    ]
    if better:
        yield Section(f"Better: {len(better)}", tuple(better), "good")
    yield from (section for section in shown if section.mood != "bad")
    yield from _uncompared(night)
    if night.notes:
        yield Section("A/B", tuple(map(Entry, night.notes)))


def _entry(finding: NightlyFinding) -> Entry:
    item = finding.comparison
    text = f"{item.case}: {item.metric} {change(item.decision)} against {finding.against} ({numbers(item)})"
    return Entry(text, (item.decision.reason,))


def _causes(findings: Sequence[NightlyFinding]) -> tuple[Entry, ...]:
    found: dict[str, dict[str, None]] = {}
    for finding in findings:
        for differs in finding.causes:
            text = f"{cause(differs)} (since {finding.against})"
            found.setdefault(text, {})[finding.comparison.case] = None
    return tuple(Entry(text, tuple(cases)) for text, cases in found.items())


def _uncompared(night: NightlyReport) -> Iterator[Section]:
    """Name what one run has and the other has not, and what was measured unlike."""
    for name, contrast in night.contrasts.items():
        compared = contrast.compared
        entries = [
            Entry(f"measured unlike: {'; '.join(why)}", (case,)) for case, why in compared.refused.items()
        ]
        entries += [
            Entry(f"accuracy, the data differs: {differs.before} -> {differs.after}", cases)
            for differs, cases in contrast.causes.items()
            if differs.field == DATA
        ]
        if compared.only_head:
            entries.append(Entry("new, not in that run", compared.only_head))
        if compared.only_base:
            entries.append(Entry("in that run, not in this one", compared.only_base))
        if entries:
            yield Section(f"Not compared with {name}", tuple(entries), "warning")


def _short(section: Section) -> Section:
    """Keep a section within MAX_ENTRIES entries of MAX_LINES each, and say what is left out."""
    entries = [Entry(entry.text, _first(entry.lines)) for entry in section.entries[:MAX_ENTRIES]]
    if len(section.entries) > MAX_ENTRIES:
        entries.append(
            Entry(f"... and {len(section.entries) - MAX_ENTRIES} more: see report.md and comparison.json")
        )
    return Section(section.title, tuple(entries), section.mood, section.kind)


def _first(lines: tuple[str, ...]) -> tuple[str, ...]:
    more = len(lines) - MAX_LINES
    return (*lines[:MAX_LINES], f"... and {more} more") if more > 0 else lines


def _finding(finding: NightlyFinding) -> dict[str, Any]:
    """Write a finding flat: the comparison, and what is known beside it."""
    return {
        "against": finding.against,
        "base_run": finding.base_run,
        **finding.comparison.to_json(),
        "confidence": str(finding.confidence),
        "since": finding.since,
        "since_at": finding.since_at,
        "causes": [asdict(found) for found in finding.causes],
    }


def _contrast(contrast: RunComparison) -> dict[str, Any]:
    compared = contrast.compared
    return {
        "base": asdict(contrast.base),
        "comparisons": [item.to_json() for item in compared.comparisons],
        "refused": {case: list(why) for case, why in compared.refused.items()},
        "only_base": list(compared.only_base),
        "only_head": list(compared.only_head),
        "blames": [asdict(blame) for blame in contrast.blames],
        "unexplained": dict(contrast.unexplained),
    }
