"""A night as workflow commands of GitHub Actions: annotations on the page of the job.

The commands and their escapes: docs.github.com, "Workflow commands for GitHub
Actions"; actions/toolkit, packages/core/src/command.ts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.core.record import BAD, Status
from harness.nightly.model import Confidence, NightlyFinding, NightlyReport, numbers
from harness.nightly.view import change, group, surely
from harness.show.escape import visible

MAX_ANNOTATIONS = 10
"""Annotations of one kind that GitHub shows for one step."""


def render(night: NightlyReport) -> str:
    """Write an error for each regression and failed gate, a warning for what could not be measured.

    GitHub shows ten of each: where there are more, the tenth says how many.
    """
    errors = [
        *(
            _command("error", f"Regression: {item.comparison.metric}", _finding(item, others))
            for item, others in group(night.alarms)
        ),
        *(
            _command("error", f"Gate failed: {gate.metric}", f"{gate.case}: {gate.gate}: {gate.reason}")
            for gate in night.report.gates
            if gate.failed
        ),
    ]
    warnings = [
        *(
            _command("warning", str(record.status).capitalize(), f"{record.case}: {record.reason}")
            for record in night.report.records
            if record.status in BAD or record.status is Status.UNSUPPORTED
        ),
        *(
            _command("warning", f"Looks worse: {item.comparison.metric}", _finding(item, others))
            for item, others in group(one for one in night.findings if one.confidence is Confidence.OPEN)
        ),
        *(_command("warning", f"Not compared with {name}", why) for name, why in night.not_compared.items()),
    ]
    return "\n".join([*_capped("error", errors), *_capped("warning", warnings)])


def _finding(finding: NightlyFinding, others: str) -> str:
    item = finding.comparison
    what = f"{item.case}: {item.metric} {change(item.decision)} against {finding.against}"
    since = f"since {finding.since}" if finding.since else ""
    also = f"also {others}" if others else ""
    return "; ".join(filter(None, (what, numbers(item), surely(item, finding.confidence), since, also)))


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(title)}::{_message(message)}"


def _message(text: str) -> str:
    """Escape a message: line breaks as GitHub reads them back, other controls as visible escapes."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(map(visible, lines)).replace("%", "%25").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape the value of a property, in which colon and comma have a meaning too."""
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _capped(kind: str, commands: Sequence[str]) -> Iterator[str]:
    if len(commands) <= MAX_ANNOTATIONS:
        yield from commands
        return
    yield from commands[: MAX_ANNOTATIONS - 1]
    yield _command(kind, "More", f"{len(commands) - MAX_ANNOTATIONS + 1} more: see the summary of this job")
