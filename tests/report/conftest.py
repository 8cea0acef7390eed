from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from nights import night, profiled, store

from harness.core.record import Status
from harness.report.compose import compose
from harness.report.job import gather
from harness.report.model import RunReport
from harness.report.view import draw_html


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder of 12 made-up nights; from the eighth on digits_cnn is 12% slower."""
    results = tmp_path_factory.mktemp("nights") / "results"
    for day in range(12):
        store(results, night(day, slower=1.12 if day > 6 else 1.0), day)
    return results


@pytest.fixture(scope="session")
def report(nights: Path) -> RunReport:
    """The report of the last of them, compared with the one before; squeezenet has profiles."""
    found = gather(nights, against="previous")
    assert found.profiles == {}
    measured = [record for record in found.report.records if record.axes["model"] == "squeezenet"]
    profiles = {record.case: profiled(record) for record in measured if record.status is Status.OK}
    return compose(replace(found, profiles=profiles))


@pytest.fixture(scope="session")
def page(report: RunReport) -> str:
    """That report as HTML."""
    return draw_html(report)
