"""JUnit XML is valid against the common schema, and every outcome is where CI systems look for it."""

from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest
import xmlschema

from harness import show
from harness.core.report import Report

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[1] / "data" / "junit.xsd")


def cases(report: Report) -> dict[str, Element]:
    root = fromstring(show.render_run(report, "junit"))
    return {case.attrib["name"]: case for case in root.iter("testcase")}


@pytest.mark.parametrize("which", ["report", "hostile"])
def test_the_document_is_valid(which: str, request: pytest.FixtureRequest) -> None:
    SCHEMA.validate(show.render_run(request.getfixturevalue(which), "junit"))


def test_a_report_of_nothing_is_valid_too() -> None:
    SCHEMA.validate(show.render_run(Report("empty", (), (), ()), "junit"))


def test_the_counts_are_those_of_the_cases_and_gates(report: Report) -> None:
    root = fromstring(show.render_run(report, "junit"))
    counts = {"tests": "13", "failures": "2", "errors": "2", "time": "15.000"}
    assert root.attrib == counts
    suite = root[0]
    assert suite.attrib == {
        "name": "quick 20261123T140732Z-3f2a1c",
        "timestamp": "2026-11-23T14:07:33",
        "skipped": "5",
        **counts,
    }
    assert {item.attrib["name"]: item.attrib["value"] for item in suite[0]} == {
        "run": "20261123T140732Z-3f2a1c",
        "suite": "quick",
        "machine": "box",
    }


@pytest.mark.parametrize(
    ("case", "tag", "attributes"),
    [
        ("squeezenet/batch=8", "failure", {"type": "failed", "message": "ids: nothing binds 'seq'"}),
        (
            "digits/precision=int8_dynamic",
            "error",
            {"type": "crashed", "message": "the worker died of SIGSEGV (signal 11)"},
        ),
        ("squeezenet/batch=32", "error", {"type": "timeout", "message": "no answer within 300 s"}),
        ("squeezenet/provider=cuda", "skipped", {"message": "unsupported: cuda is not in this runtime"}),
        ("squeezenet/precision=int8_static", "skipped", {"message": "skipped: slow"}),
        (
            "latency/p50 max_increase 3% against previous [digits]",
            "failure",
            {"type": "gate", "message": "1.2 ms is 9% over 1.1 ms"},
        ),
        (
            "latency/p50 max_increase 3% against previous [squeezenet]",
            "skipped",
            {"message": "no data: no earlier run"},
        ),
    ],
)
def test_every_outcome_has_its_element_and_reason(
    report: Report, case: str, tag: str, attributes: dict[str, str]
) -> None:
    element = cases(report)[case][0]
    assert (element.tag, element.attrib) == (tag, attributes)


def test_what_passed_has_no_such_element_but_its_numbers(report: Report) -> None:
    found = cases(report)
    passed = found["digits"]
    assert [element.tag for element in passed] == ["system-out"]
    assert (passed[0].text or "").splitlines()[:2] == [
        "latency/p50: 1.2 ms",
        "throughput/samples_per_s: 833.2 samples/s",
    ]
    assert passed.attrib["classname"] == "quick.digits"
    assert passed.attrib["time"] == "1.500"
    gate = found["latency/p50 max_increase 3% against previous [digits/precision=int8_static]"]
    assert (gate.attrib["classname"], list(gate)) == ("gates", [])


def test_what_the_runtime_printed_is_kept_with_its_lines_and_without_its_controls(report: Report) -> None:
    stderr = cases(report)["squeezenet/batch=8"].find("system-err")
    assert stderr is not None
    assert stderr.text == "bad\\x1b[0m\nworse"


def test_characters_that_xml_cannot_hold_are_replaced(report: Report) -> None:
    odd = Report("a\x00b\ufffec\udce9", (), (), ())
    suite = fromstring(show.render_run(odd, "junit"))[0]
    assert suite.attrib["name"] == "a\\x00b\ufffdc\\udce9"
