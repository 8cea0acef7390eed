"""pytest-benchmark's own tool reads what the view writes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness import show
from harness.core.errors import MissingExtraError
from harness.core.report import Report


def tool(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "pytest_benchmark", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert "WARNING" not in done.stderr.upper(), done.stderr
    return done.stdout


@pytest.fixture
def saved(tmp_path: Path, report: Report) -> Path:
    folder = tmp_path / ".benchmarks" / "Linux-box"
    folder.mkdir(parents=True)
    for number in (1, 2):
        (folder / f"000{number}_quick.json").write_text(show.render_run(report, "pytest-benchmark"))
    return tmp_path


def test_the_tool_lists_the_saved_runs(saved: Path) -> None:
    assert [line.split("/")[-1] for line in tool(saved, "list").splitlines()] == [
        "0001_quick.json",
        "0002_quick.json",
    ]


def test_the_tool_compares_them(saved: Path) -> None:
    text = tool(saved, "compare", "--columns=min,max,rounds", "--sort=name", "--csv=out.csv")
    assert "digits/precision=int8_static (0001_quick)" in text
    rows = [line.split(",") for line in (saved / "out.csv").read_text().splitlines()]
    names = [row[0] for row in rows[1:]]
    assert sorted(set(names)) == ["quick::digits", "quick::digits/precision=int8_static"]
    column = rows[0].index("min")
    assert {row[0]: float(row[column]) for row in rows[1:]} == {
        "quick::digits": pytest.approx(0.0011),
        "quick::digits/precision=int8_static": pytest.approx(0.0008),
    }


def test_the_calls_of_all_processes_count_in_seconds(report: Report) -> None:
    data = json.loads(show.render_run(report, "pytest-benchmark"))
    first = data["benchmarks"][0]
    assert first["name"] == "digits"
    assert first["group"] == "digits"
    assert first["params"] == {"model": "digits", "opset": None, "precision": "fp32", "batch": 1}
    assert first["stats"]["rounds"] == 4
    assert first["stats"]["median"] == pytest.approx(0.0012)
    assert first["extra_info"]["accuracy/top1"] == 0.991
    assert data["machine_info"]["machine"] == "box"


def test_cases_without_calls_are_left_out(report: Report) -> None:
    data = json.loads(show.render_run(report, "pytest-benchmark"))
    assert [item["name"] for item in data["benchmarks"]] == ["digits", "digits/precision=int8_static"]
    assert json.loads(show.render_run(Report("empty", (), (), ()), "pytest-benchmark"))["benchmarks"] == []


def test_hostile_names_stay_text(tmp_path: Path, hostile: Report) -> None:
    file = tmp_path / "0001_x.json"
    file.write_text(show.render_run(hostile, "pytest-benchmark"))
    text = tool(tmp_path, "compare", str(file))
    assert "\x1b" not in text
    assert r"\x1b[31m=cmd" in text


def test_without_the_tool_the_message_says_what_to_install(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pytest_benchmark.stats", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pytest-benchmark"):
        show.render_run(report, "pytest-benchmark")
