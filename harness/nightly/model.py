"""What a night's run comes to: what got worse, since when, how surely.

`harness.nightly.job` fills it in, `harness.show` renders it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from harness.core.decision import Cause, MetricComparison, RunComparison
from harness.core.report import GateOutcome, Outcome, Reference, Report
from harness.core.units import format_value

AGAINST = ("previous", "anchor")
"""What a night is compared with."""


class Confidence(StrEnum):
    """How sure it is that something got worse."""

    CONFIRMED = "confirmed"  # an A/B shows it again
    SHOWN = "shown"  # the stored runs show it; no A/B was run, or it had no verdict
    OPEN = "open"  # it looks worse, and nothing shows it
    REFUTED = "refuted"  # an A/B shows that it is not so, or that what it follows from is not


ALARMS = frozenset({Confidence.CONFIRMED, Confidence.SHOWN})
"""What makes a night exit with 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlyFinding:
    """A metric of a case that got worse, or looked like it."""

    against: str  # one of AGAINST
    base_run: str
    comparison: MetricComparison  # with the decision that counts: an A/B's where there was one
    confidence: Confidence
    since: str = ""  # the first of the runs that are like this one; empty where it is not known
    since_at: str = ""  # when that run began
    causes: tuple[Cause, ...] = ()  # what else differs from BASE


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlyReport:
    """One run, compared with the night before and the anchor."""

    run: str
    suite: str
    started_at: str
    commit: str
    machine: str
    report: Report
    contrasts: Mapping[str, RunComparison] = field(default_factory=dict)  # by AGAINST
    not_compared: Mapping[str, str] = field(default_factory=dict)  # of AGAINST -> why
    findings: tuple[NightlyFinding, ...] = ()  # the surest first, then the worst
    notes: tuple[str, ...] = ()  # of the A/B
    dashboard: str = ""  # where it is, or why it was not built
    published: bool = True  # False: it could not be built, though it is configured as it should be

    @property
    def alarms(self) -> tuple[NightlyFinding, ...]:
        """The findings that are sure enough."""
        return tuple(finding for finding in self.findings if finding.confidence in ALARMS)

    @property
    def worse(self) -> bool:
        """Whether a regression was found or a gate failed."""
        return bool(self.alarms) or any(gate.failed for gate in self.report.gates)

    @property
    def measured(self) -> bool:
        """Whether a case was measured."""
        return self.report.measured

    @property
    def bad(self) -> bool:
        """Whether a case or the dashboard failed, a gate is left without data, or nothing was measured."""
        return not self.published or not self.report.complete

    @property
    def judged(self) -> Report:
        """The report with each alarm as one more gate that failed: for views that know gates alone."""
        gates = (*self.report.gates, *map(_as_gate, self.alarms))
        return replace(self.report, gates=gates)


def _as_gate(finding: NightlyFinding) -> GateOutcome:
    item = finding.comparison
    return GateOutcome(
        gate=f"{item.metric} no worse than {finding.against}",
        case=item.case,
        metric=item.metric,
        outcome=Outcome.FAILED,
        value=item.head,
        limit=item.base,
        against=Reference(finding.against),
        reason=", ".join(filter(None, (numbers(item), item.decision.reason))),
    )


def numbers(item: MetricComparison) -> str:
    """Write both values of a comparison: ``1.1 ms -> 1.3 ms``; empty where there are none."""
    unit = item.unit
    both = [format_value(value, unit) for value in (item.base, item.head) if value is not None]
    return " -> ".join(both) if len(both) == 2 else ""
