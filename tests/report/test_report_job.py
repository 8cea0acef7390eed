"""`harness report`: what it writes, and one line for everything that cannot be written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nights import cell, ended, store

from harness import api
from harness.core.record import Record, Status
from harness.core.report import Report
from harness.report.compose import MAX_DRAWN, Gathered, compose
from harness.report.model import RunReport
from harness.report.view import OPEN, draw_html

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def few() -> list[Record]:
    return [cell("net", 1e-3, {"precision": name}) for name in ("fp32", "int8_static")]


def test_it_writes_one_file_and_says_its_size(harness: Call, few: list[Record], tmp_path: Path) -> None:
    for day in range(2):
        store(tmp_path / "results", few, day)
    code, out, err = harness("report", "--against", "previous")
    assert (code, out) == (0, "")
    path = tmp_path / "report.html"
    assert err.startswith(f"report: {path} (") and err.endswith(" kB)\n")
    assert "Compared with run 20261101T020000Z-000000" in path.read_text()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["report.html", "results"]


def test_figures_are_files_of_each_kind(harness: Call, few: list[Record], tmp_path: Path) -> None:
    store(tmp_path / "results", [few[0]])
    code, _, err = harness("report", "--figures", "slides")
    assert (code, err) == (0, "figures: 3 files in slides\n")
    kinds = {path.suffix: path.read_bytes()[:5] for path in (tmp_path / "slides").iterdir()}
    assert kinds == {".svg": b"<?xml", ".png": b"\x89PNG\r", ".pdf": b"%PDF-"}
    first = {path: path.read_bytes() for path in (tmp_path / "slides").iterdir()}
    assert harness("report", "--figures", "slides")[0] == 0
    assert {path: path.read_bytes() for path in first} == first


def test_python_writes_the_same_page(harness: Call, few: list[Record], tmp_path: Path) -> None:
    store(tmp_path / "results", [few[0]])
    assert harness("report", "--results", tmp_path / "results", "--out", "a.html")[0] == 0
    path = api.load(tmp_path / "results").report("b.html")
    assert Path(path).read_bytes() == (tmp_path / "a.html").read_bytes()


def test_a_run_that_failed_throughout_is_a_page_of_reasons(harness: Call, tmp_path: Path) -> None:
    store(tmp_path / "results", [ended("net", Status.FAILED, "the worker died: bad_alloc", batch=1)])
    assert harness("report")[0] == 0
    page = (tmp_path / "report.html").read_text()
    assert "No case was measured" in page and "failed: the worker died: bad_alloc" in page
    assert "<svg" not in page
    code, _, err = harness("report", "--figures", "slides")
    assert (code, "has nothing to draw" in err, err.count("\n")) == (2, True, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--results", "nowhere"], 2, "nowhere: no runs yet"),
        (["--against", "previous"], 2, "no finished run before"),
        (["20250101T000000Z"], 2, "no run '20250101T000000Z'"),
        (["--out", "results/report.html/x.html"], 2, "cannot write the report"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    harness: Call, few: list[Record], tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    store(tmp_path / "results", [few[0]])
    (tmp_path / "results" / "report.html").write_text("a file where a folder is asked for")
    found, out, err = harness("report", *arguments)
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert words in err


def test_a_damaged_run_is_one_line(harness: Call, few: list[Record], tmp_path: Path) -> None:
    run = store(tmp_path / "results", few)
    path = tmp_path / "results" / "runs" / run / "run.parquet"
    path.write_bytes(path.read_bytes()[:100])
    code, out, err = harness("report")
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert "run.parquet" in err and not (tmp_path / "report.html").exists()
    shutil.rmtree(path.parent)


def report_of(records: list[Record]) -> RunReport:
    from harness import judge

    whole: Report = judge.report("r", records)
    fields: dict[str, Any] = dict.fromkeys(
        ("run", "suite", "suite_path", "finished_at", "commit", "harness"), "r"
    )
    return compose(
        Gathered(
            **fields, started_at="2026-11-01T02:00:00+00:00", dirty=False, command=(), machine="m",
            environment={}, report=whole,
        )
    )  # fmt: skip


def test_five_thousand_cases_are_one_file_with_a_folded_page_for_each_model() -> None:
    first = cell("net", 1e-3, {"batch": 1}, calls=1)
    bare = replace(first, samples={}, metrics={"latency/p50": first.metrics["latency/p50"]})
    records = [
        replace(
            bare, case=f"net{model}/batch={batch}", axes={**bare.axes, "model": f"net{model}", "batch": batch}
        )
        for model in range(100)
        for batch in range(1, 51)
    ]
    made = report_of(records)
    assert len(made.models) == 100 > OPEN
    assert sum(len(part.lines) for part in made.models) == 5000
    assert [bool(part.charts) for part in made.models] == [True] * MAX_DRAWN + [False] * (100 - MAX_DRAWN)
    small = replace(made, models=tuple(replace(part, charts=()) for part in made.models))
    page = draw_html(small)
    assert page.count("Its charts are left out") == 100 - MAX_DRAWN
    assert page.count("<details class=part") == 100 and page.count("</html>") == 1
    assert all(f'href="#{part.name}"' in page for part in made.models)
