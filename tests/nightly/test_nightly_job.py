"""A night: measured, held against the one before and the anchor, told in every form, taken up again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
import xmlschema
from make import open_repeating_arms

import harness as package
from harness import store
from harness.ab.job import run_ab
from harness.compare.confirm import Confirmation, Means, confirm
from harness.core.decision import Change, Decision
from harness.nightly.job import nightly
from harness.store.header import read_header, write_header
from harness.store.lines import decode_line

ROOT = Path(package.__file__).parent.parent
SCHEMA = xmlschema.XMLSchema(ROOT / "tests" / "data" / "junit.xsd")
SLOWER: dict[str, Any] = {"call_ns": [1_500, 1_600, 1_550]}
TWO = ("--set", "sampling.processes=2")
"""With two processes the fake engine's numbers are exact in both, so that any change is shown."""

Suite = Callable[..., Path]
Call = Callable[..., tuple[int, str, str]]


def runs() -> list[store.RunInfo]:
    """The runs of the current folder, oldest first; a second apart at the least, for names tell seconds."""
    return store.runs(Path("results"))


@pytest.fixture
def night(suite: Suite, harness: Call, parts: dict[str, Any]) -> Callable[..., tuple[int, Path]]:
    """Measure a night of the model `m`, changed as `model` says; give the exit code and its folder.

    Its HTML page, which takes a while to draw, is left out unless a test says otherwise.
    """
    parts["nightly"] = partial(nightly, write_page=lambda *_, **__: None)

    def measure(model: dict[str, Any] | None = None, *flags: object, **keys: Any) -> tuple[int, Path]:
        while runs() and runs()[-1].run >= f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}":
            time.sleep(0.05)
        code, _, err = harness("nightly", suite(model, measure={"accuracy": False}, **keys), *flags)
        said = [line for line in err.splitlines() if line.startswith("results: ")]
        return code, Path(said[0].removeprefix("results: ")) if said else Path("nowhere")

    return measure


def findings(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "comparison.json").read_text())["findings"]
    return found


def test_the_first_night_is_all_right_and_says_what_it_was_not_held_against(
    night: Callable[..., tuple[int, Path]], parts: dict[str, Any]
) -> None:
    parts["nightly"] = nightly
    code, folder = night()
    assert code == 0
    assert folder == Path("results/nightly") / runs()[0].run
    assert sorted(path.name for path in folder.iterdir()) == [
        "comparison.json",
        "junit.xml",
        "records.json",
        "report.html",
        "report.md",
        "summary.md",
    ]
    text = (folder / "summary.md").read_text()
    assert text.startswith("## fake: nothing failed, and nothing to compare with\n")
    assert "against previous: not compared: no finished run before" in text
    assert "against anchor: not compared: suite 'fake' has no anchor" in text
    assert "pin one with 'harness anchor set RUN'" in text


def test_a_worse_night_is_confirmed_by_an_a_b_and_told_with_its_numbers(
    night: Callable[..., tuple[int, Path]], parts: dict[str, Any]
) -> None:
    run = partial(run_ab, open_bench=open_repeating_arms)
    parts["nightly"] = partial(nightly, confirm=partial(confirm, means=Means(run_ab=run)))
    night(None, *TWO)
    code, folder = night(SLOWER, *TWO)
    first, second = [info.run for info in runs()]
    assert code == 1
    p50 = next(item for item in findings(folder) if item["metric"] == "latency/p50")
    assert {
        name: p50[name] for name in ("case", "against", "base_run", "since", "confidence", "verdict")
    } == {
        "case": "m",
        "against": "previous",
        "base_run": first,
        "since": second,
        "confidence": "confirmed",
        "verdict": "regression",
    }
    assert (p50["base"], p50["head"]) == pytest.approx((1.1e-6, 1.55e-6))
    assert p50["ratio"] == pytest.approx(1.55 / 1.1)
    text = (folder / "summary.md").read_text()
    assert text.startswith("## fake: 1 regression\n")
    assert "1.1 µs -&gt; 1.55 µs | +40.91% | \\[+40.91%, +40.91%\\] | confirmed by an A/B, p = " in text
    assert f"{second} ({second[:4]}-{second[4:6]}-{second[6:8]})" in text
    assert "### What else differs where it got worse\n\n- model: " in text


def test_what_an_a_b_shows_beside_the_suspect_is_a_finding_too(
    night: Callable[..., tuple[int, Path]], parts: dict[str, Any]
) -> None:
    """The stored runs suspect the calls, which the A/B clears; it shows the memory to be worse."""
    decisions = {("m", name): Decision(verdict=Change.EQUIVALENT) for name in ("latency/p50", "latency/p95")}
    decisions["m", "memory/peak"] = Decision(verdict=Change.REGRESSION, ratio=1.1, reason="+10.00%")
    parts["nightly"] = partial(nightly, confirm=lambda *_, **__: Confirmation(decisions, {}))
    night(None, *TWO)
    code, folder = night(SLOWER, *TWO)
    assert code == 1
    worse = {
        item["metric"]: item["confidence"] for item in findings(folder) if item["verdict"] == "regression"
    }
    assert worse == {"memory/peak": "confirmed"}
    assert (folder / "summary.md").read_text().startswith("## fake: 1 regression\n")


def test_without_an_a_b_the_stored_runs_decide(night: Callable[..., tuple[int, Path]]) -> None:
    night(None, *TWO)
    code, folder = night(SLOWER, *TWO, "--confirm", "0")
    assert code == 1
    assert {item["confidence"] for item in findings(folder)} == {"shown"}
    assert not Path("results/ab").exists()


def test_a_regression_is_dated_to_the_night_it_came(
    night: Callable[..., tuple[int, Path]], harness: Call
) -> None:
    off = (*TWO, "--confirm", "0")
    night(None, *off)
    harness("anchor", "set", "latest")
    for model in ({}, SLOWER, SLOWER):
        code, folder = night(model, *off)
    _, _, third, _ = [info.run for info in runs()]
    assert code == 1
    assert {(item["against"], item["since"]) for item in findings(folder)} == {("anchor", third)}
    assert night(SLOWER, *off, "--against", "previous")[0] == 0


def test_a_gate_is_a_failure_in_junit_and_so_is_a_regression(night: Callable[..., tuple[int, Path]]) -> None:
    gates = [{"metric": "latency/p50", "max_increase": "10%"}, {"metric": "memory/peak", "max": 60_000_000}]
    night(None, *TWO, gates=gates)
    code, folder = night(SLOWER, *TWO, "--confirm", "0", gates=gates)
    assert code == 1
    SCHEMA.validate(folder / "junit.xml")
    cases = {
        item.attrib["name"]: item for item in fromstring((folder / "junit.xml").read_text()).iter("testcase")
    }
    failures = {name: item.find("failure") for name, item in cases.items()}
    gate = failures["latency/p50 max_increase 10% against previous [m]"]
    assert gate is not None and "1.55 µs > 1.21 µs" in gate.attrib["message"]
    worse = failures["latency/p50 no worse than previous [m]"]
    assert worse is not None and worse.attrib["message"].startswith("1.1 µs -> 1.55 µs, ")
    assert failures["m"] is None
    assert failures["memory/peak max 60 MB [m]"] is None


def test_a_gate_whose_anchor_is_gone_has_no_data_and_says_so(night: Callable[..., tuple[int, Path]]) -> None:
    gates = [{"metric": "memory/peak", "max_increase": "10%", "against": "anchor"}]
    night(gates=gates)
    pinned = store.set_anchor(Path("results"), runs()[0]).run
    shutil.rmtree(runs()[0].folder)
    code, folder = night(gates=gates)
    assert code == 3  # a gate that could not be judged
    (gate,) = json.loads((folder / "comparison.json").read_text())["gates"]
    assert (gate["outcome"], gate["reason"]) == ("no data", f"the anchor's run {pinned} is gone or damaged")
    assert gate["setting"] == {"name": "harness anchor set", "value": runs()[0].run}


def test_a_gate_without_an_anchor_says_no_more_than_that(night: Callable[..., tuple[int, Path]]) -> None:
    _, folder = night(gates=[{"metric": "memory/peak", "max_increase": "10%", "against": "anchor"}])
    (gate,) = json.loads((folder / "comparison.json").read_text())["gates"]
    assert gate["reason"] == "no anchor record of this case"


def test_an_anchor_can_be_pinned_with_the_night(
    night: Callable[..., tuple[int, Path]], harness: Call
) -> None:
    night()
    night(SLOWER, *TWO, "--confirm", 0)
    first = runs()[0].run
    code, folder = night(SLOWER, *TWO, "--anchor", first, "--confirm", 0)
    assert code == 0  # one process in the anchor's run: suspected, not shown
    against = json.loads((folder / "comparison.json").read_text())["against"]
    assert against["anchor"]["base"]["run"] == first
    assert first in harness("anchor", "show")[1]


def test_an_anchor_that_is_no_run_is_said_before_anything_is_measured(suite: Suite, harness: Call) -> None:
    code, _, err = harness("nightly", suite(), "--anchor", "20200101T000000Z-000000")
    assert code == 2
    assert "Traceback" not in err
    assert runs() == []


def test_a_runtime_is_measured_in_place_of_a_models_own(
    suite: Suite, harness: Call, parts: dict[str, Any]
) -> None:
    asked: list[str] = []

    def listen(plan: Any, *_: Any, **__: Any) -> None:
        asked.extend(case.key for case in plan.cases)
        raise KeyboardInterrupt

    parts["nightly"] = listen
    source = {"source": {"fake": {"call_ns": [1]}}}
    path = suite(models={"m": {**source, "axes": {"runtime": "onnxruntime==1.30.0"}}, "n.1": source})
    harness("nightly", path, "--runtime", "onnxruntime==1.31.0", "--runtime", "current")
    assert sorted(asked) == ["m", "m/runtime=onnxruntime==1.31.0", "n.1", "n.1/runtime=onnxruntime==1.31.0"]


def test_what_the_software_did_not_change_is_no_alarm(night: Callable[..., tuple[int, Path]]) -> None:
    night(SLOWER, *TWO)
    (info,) = runs()
    (record,) = store.records(Path("results"), info.run)
    samples = {**record.samples, "latency_ns": [[1_000, 1_001] * 150] * 2}
    p50 = replace(record.metrics["latency/p50"], value=1e-6)
    faster = replace(record, samples=samples, metrics={**record.metrics, "latency/p50": p50})
    with store.new_run(Path("results"), info.header) as journal:
        journal.append(replace(faster, run=journal.run))
        journal.seal()
    code, folder = night(SLOWER, *TWO)
    assert code == 0
    assert {item["confidence"] for item in findings(folder)} == {"open"}
    assert "the same runtime and model file in both runs" in (folder / "summary.md").read_text()


def test_what_could_not_be_measured_is_told_with_its_reason(night: Callable[..., tuple[int, Path]]) -> None:
    bad = {
        "cases": [
            {"when": {"batch": 2}, "fail": {"at": "timing", "how": "raise", "message": "out of luck"}},
            {"when": {"batch": 3}, "fail": {"at": "session", "how": "unsupported", "message": "no kernel"}},
        ]
    }
    code, folder = night(
        bad, axes={"batch": [1, 2, 3, 4]}, skip=[{"when": {"batch": 4}, "because": "why not"}]
    )
    assert code == 3
    text = (folder / "summary.md").read_text()
    assert text.startswith("## fake: 1 failed case\n")
    assert "4 cases: 1 ok, 1 skipped, 1 unsupported, 1 failed" in text
    for line in ("out of luck", "no kernel", "why not (1 case)"):
        assert line in text


def test_the_records_are_those_of_the_run(night: Callable[..., tuple[int, Path]], harness: Call) -> None:
    _, folder = night()
    assert json.loads((folder / "records.json").read_text()) == json.loads(
        harness("show", "--format", "json")[1]
    )


def test_the_summary_is_appended_to_that_of_the_job(
    night: Callable[..., tuple[int, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = tmp_path / "step-summary"
    job.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(job))
    _, folder = night()
    assert job.read_text() == "before\n" + (folder / "summary.md").read_text()


def test_annotations_are_printed_for_github(suite: Suite, harness: Call) -> None:
    flags = ("--set", "measure.accuracy=false", "--annotate", "github", "--no-resume")
    harness(
        "nightly", suite({"fail": {"at": "session", "how": "unsupported", "message": "50% of it"}}), *flags
    )
    _, out, _ = harness("nightly", suite(gates=[{"metric": "memory/peak", "max": 40_000_000}]), *flags)
    stop, *_ = out.splitlines()
    assert out.count(f"\n::{stop.removeprefix('::stop-commands::')}::\n::error ") == 1
    errors = [line for line in out.splitlines() if line.startswith("::error ")]
    assert errors == ["::error title=Gate failed%3A memory/peak::m: memory/peak max 40 MB: 50 MB > 40 MB"]


# taken up again


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_night_goes_on_when_it_is_started_again(
    suite: Suite, harness: Call, tmp_path: Path, how: signal.Signals
) -> None:
    hangs = tmp_path / "hangs"
    fail = {"at": "timing", "how": "hang", "once": str(hangs)}
    bad = {"cases": [{"when": {"batch": 3}, "fail": fail}]}
    command = ("nightly", str(suite(bad, axes={"batch": [1, 2, 3, 4]})))
    running = subprocess.Popen(
        [sys.executable, "-m", "harness", *command],
        cwd=tmp_path,
        env={**os.environ, "HARNESS_CACHE": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while not hangs.exists():
        assert time.monotonic() < end, "the third case was not begun"
        time.sleep(0.02)
    os.kill(running.pid, how)
    _, said = running.communicate(timeout=60)
    if how == signal.SIGTERM:
        assert running.returncode == 130
        assert "interrupted: 2 of 4 cases are left" in said
    (journal,) = (tmp_path / "results" / "runs").glob("*/journal.jsonl")
    kept = [decode_line(line) for line in journal.read_bytes().splitlines()]
    code, _, _ = harness(*command)
    assert code == 0
    (info,) = runs()
    records = json.loads(Path("results/nightly", info.run, "records.json").read_text())
    assert [(record["axes"]["batch"], record["status"]) for record in records] == [
        (1, "ok"),
        (2, "ok"),
        (3, "ok"),
        (4, "ok"),
    ]
    # a curve is of the whole run
    assert [{key: item[key] for key in item if key != "scaling"} for item in records[:2]] == kept


def leave_open() -> None:
    """Let the newest run be one that was sealed and not reported."""
    (runs()[-1].folder / "unreported").touch()


def test_a_night_that_was_measured_but_not_reported_is_not_measured_again(
    night: Callable[..., tuple[int, Path]],
) -> None:
    _, folder = night()
    leave_open()
    (folder / "junit.xml").unlink()
    assert night() == (0, folder)
    assert len(runs()) == 1
    assert (folder / "junit.xml").exists()
    night()
    assert len(runs()) == 2


def test_a_night_that_is_over_is_followed_by_another(night: Callable[..., tuple[int, Path]]) -> None:
    night()
    night()
    assert len(runs()) == 2


def test_a_night_that_is_interrupted_in_its_a_b_goes_on_there(
    night: Callable[..., tuple[int, Path]], parts: dict[str, Any]
) -> None:
    night(None, *TWO, "--out", "artifacts")

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    parts["nightly"] = partial(nightly, confirm=interrupt)
    assert night(SLOWER, *TWO, "--out", "artifacts")[0] == 130
    parts.clear()
    assert not Path("artifacts/summary.md").exists()
    shutil.rmtree("artifacts")  # what is kept of a job that was cancelled are the results
    code, folder = night(SLOWER, *TWO, "--out", "artifacts", "--confirm", "0")
    assert code == 1
    assert len(runs()) == 2
    assert {item["confidence"] for item in findings(folder)} == {"shown"}


def test_a_folder_of_ones_own_is_taken_up_as_well(night: Callable[..., tuple[int, Path]]) -> None:
    assert night(None, "--out", "artifacts") == (0, Path("artifacts"))
    leave_open()
    night(None, "--out", "artifacts")
    assert len(runs()) == 1
    night(None, "--out", "artifacts")
    assert len(runs()) == 2


def age(folder: Path, hours: float) -> None:
    """Let the run in `folder` have begun that long ago."""
    began = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="seconds")
    write_header(folder, replace(read_header(folder), started_at=began))


@pytest.mark.parametrize(
    ("hours", "flags", "expected"), [(1, [], 1), (30, [], 2), (30, ["--resume"], 1), (1, ["--no-resume"], 2)]
)
def test_yesterdays_night_is_left_alone_unless_asked_for(
    night: Callable[..., tuple[int, Path]], hours: float, flags: list[str], expected: int
) -> None:
    night()
    leave_open()
    age(runs()[0].folder, hours)
    night(None, *flags)
    assert len(runs()) == expected


def test_resuming_where_there_is_nothing_to_resume_says_so(suite: Suite, harness: Call) -> None:
    code, out, err = harness("nightly", suite(), "--resume")
    assert (code, out) == (2, "")
    assert err.startswith("error: --resume: ")


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_measured(
    suite: Suite, harness: Call
) -> None:
    code, out, err = harness("nightly", suite(), "--out", "/proc/nowhere")
    assert (code, out) == (2, "")
    assert err.startswith("error: /proc/nowhere: cannot write")
    assert not Path("results").exists()


# the dashboard


def test_the_night_is_published_where_asv_is_configured(
    night: Callable[..., tuple[int, Path]], tmp_path: Path
) -> None:
    (tmp_path / "asv.conf.json").write_text((ROOT / "asv.conf.json").read_text())
    _, folder = night()
    assert Path("results/html/asv/index.html").is_file()
    assert runs()[0].run in Path("results/html/asv/runs.html").read_text()
    assert "dashboard: results/html/asv" in (folder / "summary.md").read_text()


def test_the_dashboard_has_every_stored_run_and_not_the_nights_alone(
    night: Callable[..., tuple[int, Path]], harness: Call, suite: Suite, tmp_path: Path
) -> None:
    assert harness("run", suite())[0] == 0
    (tmp_path / "asv.conf.json").write_text((ROOT / "asv.conf.json").read_text())
    night()
    page = Path("results/html/asv/runs.html").read_text()
    assert [item.run in page for item in runs()] == [True, True]


def test_a_dashboard_that_cannot_be_built_is_said_and_does_not_fail_the_night(
    night: Callable[..., tuple[int, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "asv.conf.json").write_text("{")
    code, folder = night()
    assert code == 0
    assert "dashboard: not published: asv.conf.json: " in (folder / "summary.md").read_text()
    monkeypatch.setitem(sys.modules, "asv", None)
    code, folder = night()
    assert code == 0
    assert "dashboard: not published: asv is not installed" in (folder / "summary.md").read_text()


def test_a_disk_that_cannot_be_written_takes_the_dashboard_and_leaves_the_report(
    night: Callable[..., tuple[int, Path]], tmp_path: Path
) -> None:
    config = (ROOT / "asv.conf.json").read_text().replace('"results/asv"', '"/proc/nowhere/asv"')
    (tmp_path / "asv.conf.json").write_text(config)
    code, folder = night()
    assert code == 3
    (said,) = (line for line in (folder / "summary.md").read_text().splitlines() if "dashboard: " in line)
    assert said.startswith("dashboard: not published: /proc/nowhere")
    SCHEMA.validate(folder / "junit.xml")
    night()
    assert len(runs()) == 2  # that night was over


# shards


def test_the_shards_of_a_night_measure_every_case_once(suite: Suite, harness: Call) -> None:
    path = suite(axes={"opset": [17, 18, 19], "batch": [1, 2]})
    measured: list[str] = []
    for index in (1, 2):
        part = Path(f"results/shard-{index}")
        code, _, _ = harness("nightly", path, "--shard", f"{index}/2", "--results", part)
        assert code == 0
        (info,) = store.runs(part)
        measured += [record.case for record in store.records(part, info.run)]
    assert sorted(measured) == [f"m/opset={opset}{b}" for opset in (17, 18, 19) for b in ("", "/batch=2")]
    code, _, _ = harness("merge", "results/shard-1", "results/shard-2", "--results", "results/all")
    assert code == 0
    assert len(store.runs(Path("results/all"))) == 2


def test_a_case_that_was_ok_last_night_and_is_unsupported_tonight_is_a_regression(
    night: Callable[..., tuple[int, Path]],
) -> None:
    night()
    code, folder = night({"fail": {"at": "session", "how": "unsupported"}})
    (status,) = [item for item in findings(folder) if item["metric"] == "status"]
    assert (code, status["verdict"]) == (1, "regression")
    assert "nothing got worse" not in (folder / "summary.md").read_text()


def test_a_gate_that_asks_for_an_a_b_is_decided_by_it(
    night: Callable[..., tuple[int, Path]], parts: dict[str, Any], harness: Call
) -> None:
    run = partial(run_ab, open_bench=open_repeating_arms)
    parts["nightly"] = partial(nightly, confirm=partial(confirm, means=Means(run_ab=run)))
    gates = [{"metric": "latency/p50", "max_increase": "10%", "confirm": True}]
    night(None, *TWO, gates=gates)
    code, folder = night(SLOWER, *TWO, gates=gates)
    assert code == 1
    assert "by an A/B +40.91%, beyond the limit" in (folder / "report.md").read_text()
    _, out, _ = harness("show")
    assert "harness compare previous latest --confirm" in out, "the stored numbers alone leave it open"
