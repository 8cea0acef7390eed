"""The report as JUnit XML, which every CI system reads.

Held to what Jenkins, GitLab and GitHub's actions have in common (Jenkins'
junit-10 schema): a case is a test case; a gate is one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.core.record import Record, Status
from harness.core.report import GateOutcome, Outcome
from harness.core.units import format_value
from harness.show.document import Document, report_of
from harness.show.escape import visible
from harness.show.grid import model

# What XML 1.0 has no way to write, not even as a reference.
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(document: Document) -> str:
    """Write a test suite: failed cases are failures, crashes and timeouts errors, the rest skipped or passed.

    A gate that did not hold is a failure with its numbers; one without data
    is skipped, never passed. Raises NotFoundError for a document that is no run.
    """
    report = report_of(document)
    root = Element("testsuites")
    suite = SubElement(root, "testsuite", name=_text(report.title))
    first = report.records[0] if report.records else None
    if first is not None:
        suite.set("timestamp", _text(first.started_at[:19]))
        properties = SubElement(suite, "properties")
        for name in ("run", "suite", "machine"):
            SubElement(properties, "property", name=name, value=_text(getattr(first, name)))
    for record in report.records:
        _case(suite, record)
    for gate in report.gates:
        _gate(suite, gate)
    for element in (root, suite):
        element.set("tests", str(_count(suite, "testcase")))
        element.set("failures", str(_count(suite, "testcase/failure")))
        element.set("errors", str(_count(suite, "testcase/error")))
        element.set("time", _seconds(record.duration_s for record in report.records))
    suite.set("skipped", str(_count(suite, "testcase/skipped")))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")


def _case(suite: Element, record: Record) -> None:
    case = SubElement(suite, "testcase", classname=_text(f"{record.suite}.{model(record)}"))
    case.set("name", _text(record.case))
    case.set("time", _seconds([record.duration_s]))
    match record.status:
        case Status.OK:
            pass
        case Status.SKIPPED | Status.UNSUPPORTED:
            SubElement(case, "skipped", message=_text(f"{record.status}: {record.reason}"))
        case Status.FAILED:
            SubElement(case, "failure", type="failed", message=_text(record.reason))
        case Status.CRASHED | Status.TIMEOUT:
            SubElement(case, "error", type=str(record.status), message=_text(record.reason))
    numbers = [
        f"{name}: {format_value(metric.value, metric.unit)}"
        for name, metric in record.metrics.items()
        if metric.value is not None
    ]
    if numbers or record.notes:
        SubElement(case, "system-out").text = "\n".join(map(_text, (*numbers, *record.notes)))
    if record.stderr:
        SubElement(case, "system-err").text = "\n".join(map(_text, record.stderr.splitlines()))


def _gate(suite: Element, gate: GateOutcome) -> None:
    name = _text(f"{gate.gate} [{gate.case}]")
    case = SubElement(suite, "testcase", classname="gates", name=name, time="0.000")
    if gate.failed:
        SubElement(case, "failure", type="gate", message=_text(gate.reason))
    elif gate.outcome is Outcome.NO_DATA:
        SubElement(case, "skipped", message=_text(f"{gate.outcome}: {gate.reason}"))


def _text(text: str) -> str:
    """Make text legal: controls as visible escapes, what is not a character as U+FFFD."""
    return _ILLEGAL.sub("\ufffd", visible(str(text)))


def _seconds(durations: Iterable[float]) -> str:
    return f"{sum(durations):.3f}"


def _count(suite: Element, path: str) -> int:
    return len(suite.findall(path))
