"""Measuring and loading from Python: the same runner, from any folder, in any event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from make import make_record
from models import save_model, value
from onnx import TensorProto, helper

from harness import api, judge
from harness.core.errors import InputError, NotFoundError
from harness.core.record import Status
from harness.results.model import Results
from harness.results.progress import NotebookProgress


def test_a_suite_is_measured_inside_a_running_event_loop_and_from_another_folder(
    suite: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    path = suite(axes={"batch": [1, 2]}, gates=[{"metric": "model/size", "max": "1 GB"}])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    async def cell() -> Results:
        return api.run(path, only=["batch=2"], results="kept", cache=tmp_path / "cache")

    results = asyncio.run(cell())
    (record,) = results
    assert (record.case, record.status, len(results.samples())) == ("m/batch=2", "ok", 300)
    assert [str(gate.outcome) for gate in results.gates] == ["passed"]
    assert "[1/1] m/batch=2" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert results.folder == str(elsewhere / "kept")
    assert api.load("elsewhere/kept").records == results.records
    assert api.load("elsewhere/kept", None).runs == results.runs
    assert "m" in results._repr_html_() and results.runs[0] in repr(results)


def test_an_ab_of_two_settings_gives_a_verdict(suite: Callable[..., Path], tmp_path: Path) -> None:
    path = suite(sampling={"calls": 20, "warmup_calls": 1, "warmup_seconds": 0, "timeout": 20})
    verdict = api.ab(
        path, head={"batch": 2}, budget_s=0.1, seed=1, results=tmp_path / "results", cache=tmp_path / "cache",
        metrics=["latency/p50"], progress=False,
    )  # fmt: skip
    item = verdict.of("latency/p50")
    assert (item.case, item.decision.verdict) == (
        "m",
        verdict.frame().set_index("metric")["verdict"]["latency/p50"],
    )
    assert str(verdict.verdict) in repr(verdict) and verdict.trusted
    with pytest.raises(NotFoundError, match=r"no comparison of 'latency/p5'.*latency/p50"):
        verdict.of("latency/p5")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: api.sweep("m.onnx", bach=1), "sweep: unknown axis 'bach': did you mean 'batch'"),
        (lambda: api.sweep("gone.onnx"), "gone.onnx"),
        (lambda: api.ab("m.onnx", head={"bach": 1}), "ab: head: unknown axis 'bach'"),
        (lambda: api.ab("quickstart", head={"batch": 2}, data="digits"), "for model files"),
        (lambda: api.ab("m.onnx", head={"batch": 2}, min_effect=2), "ratios below 1"),
        (lambda: api.ab("m.onnx", head={"batch": 2}, metrics=["p50"]), "ab: metrics: "),
        (lambda: api.profile("m.onnx", by="nodes"), "profile: by: did you mean 'node'"),
        (lambda: api.profile("m.onnx", bach=1), "profile: unknown axis 'bach': did you mean 'batch'"),
        (lambda: api.profile("quickstart", batch=2), "a suite has its own"),
        (lambda: api.load("nowhere"), "nowhere: no runs yet"),
        (lambda: api.load("nowhere", None), "nowhere: no runs yet"),
    ],
)
def test_bad_input_is_one_line(
    call: Callable[[], object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def reshape(tmp_path: Path) -> Path:
    """Write a model whose input `to` says what becomes of `x`."""
    inputs = [value("x", ["n", 12]), value("to", ["rank"], TensorProto.INT64)]
    return save_model(
        tmp_path / "m.onnx", [helper.make_node("Reshape", ["x", "to"], ["y"])], inputs, [value("y", None)]
    )


def test_values_of_inputs_that_are_no_data_are_fed_and_stored(reshape: Path, tmp_path: Path) -> None:
    (record,) = api.sweep(
        reshape, fill={"to": ["n", 3, 4]}, shapes={"rank": 3}, batch=2, seconds=0.01,
        results=tmp_path / "results", cache=tmp_path / "cache", progress=False,
    )  # fmt: skip
    assert record.status == "ok", record.reason
    assert record.artifact is not None
    assert [item["fill"] for item in record.artifact["inputs"]] == [None, ["n", 3, 4]]


@pytest.mark.parametrize(
    "call",
    [
        lambda model, fill: api.sweep(model, fill=fill),
        lambda model, fill: api.ab(model, head={"graph_opt": "basic"}, fill=fill),
        lambda model, fill: api.explain(model, head={"graph_opt": "basic"}, fill=fill),
        lambda model, fill: api.profile(model, fill=fill),
    ],
)
def test_every_call_takes_values_of_inputs(reshape: Path, call: Callable[..., object]) -> None:
    with pytest.raises(InputError, match=r"fill too: no such input: did you mean 'to'"):
        call(reshape, {"too": [12]})
    with pytest.raises(InputError, match=r"'m' is no dimension of the model; those: n, rank"):
        call(reshape, {"to": ["m", 12]})


@pytest.fixture
def results() -> Results:
    records = [
        make_record({"latency/p50": 0.001}, batch=1),
        make_record({"latency/p50": 0.004}, batch=8),
        make_record(status="failed", batch=16),
    ]
    return Results((judge.report("s, run r", records),), ("r",), "/results")


def test_where_narrows_by_axes_and_status_and_keeps_the_baseline(results: Results) -> None:
    kept = results.where(batch=[8, 16])
    assert [record.axes["batch"] for record in kept] == [8, 16]
    assert {row.record.case: row.speedup for row in kept.reports[0].rows} == {
        "net/batch=8": 2.0,
        "net/batch=16": None,
    }
    assert [record.status for record in results.where(status="ok")] == [Status.OK, Status.OK]


@pytest.mark.parametrize(
    ("axes", "words"), [({"bach": 1}, "unknown axis 'bach'"), ({"batch": 3}, "no record has batch=3")]
)
def test_where_says_what_is_not_there(results: Results, axes: dict[str, Any], words: str) -> None:
    with pytest.raises(NotFoundError, match=words):
        results.where(**axes)


def test_a_notebook_sees_one_line_that_is_rewritten_and_every_failure() -> None:
    shown: list[str] = []
    progress = NotebookProgress(shown.append)
    progress.start_run(2, 0)
    for record in (make_record(status="failed", model="<b>"), make_record({"latency/p50": 0.001})):
        progress.start_case(record.case)
        progress.end_case(record)
    progress.end_run()
    assert 'value="2" max="2"' in shown[-1] and "&lt;b&gt;  failed" in shown[-1]
    assert all("<b>" not in text for text in shown)


@pytest.mark.parametrize("outputs", [False, True])
def test_what_has_no_graph_is_explained_by_the_reason(
    suite: Callable[..., Path], tmp_path: Path, outputs: bool
) -> None:
    found = api.explain(
        suite(), head={"graph_opt": "basic"}, outputs=outputs, results=tmp_path / "results",
        cache=tmp_path / "cache", progress=False,
    )  # fmt: skip
    assert found.found == ()
    (why,) = found.missing.values()
    assert "not an ONNX file" in why


def test_a_profile_of_what_has_none_gives_the_reason(suite: Callable[..., Path], tmp_path: Path) -> None:
    found = api.profile(suite(), cache=tmp_path / "cache", roofs="none", progress=False)
    assert (found.profiles, len(found.frame())) == ((), 0)
    (why,) = found.missing.values()
    assert "FakeEngine has no profile" in why
