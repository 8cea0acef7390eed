"""The fixture `onnx_bench`, in real pytest sessions of people's own tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from models import relu, save_model, value
from onnx import helper

from harness.core.errors import Failed, InputError
from harness.core.requirement import Requirement
from harness.pytest.bench import OnnxBench
from harness.pytest.stats import NoValueError

FAKE = {
    "fake": {
        "session_ns": 2_000_000,
        "first_call_ns": 7_000_000,
        "call_ns": [1_000_000, 1_200_000, 1_100_000],
        "memory": {
            "before_runtime": 1,
            "after_import": 20_000_000,
            "after_session": 35_000_000,
            "peak": 50_000_000,
        },
        "outputs": {"y": [[0.1, 0.9], [0.8, 0.2]]},
        "cases": [
            {"when": {"batch": 3}, "fail": {"at": "session", "how": "unsupported", "message": "no kernel"}},
            {"when": {"batch": 5}, "fail": {"at": "timing", "how": "signal"}},
        ],
    }
}


@pytest.fixture
def bench(onnx_bench: OnnxBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OnnxBench:
    """The fixture under test, with an empty cache and an empty current folder."""
    monkeypatch.chdir(tmp_path)
    return OnnxBench(tmp_path / "cache", onnx_bench.work_dir)


def test_the_numbers_are_those_that_were_measured(bench: OnnxBench) -> None:
    stats = bench(FAKE, batch=4, seconds=1)
    assert (stats.p50, stats.p90, stats.p95, stats.p99) == (0.0011, 0.0012, 0.0012, 0.0012)
    assert stats.mean == pytest.approx(1.0009 / 910)
    assert stats.throughput == pytest.approx(4 * 910 / 1.0009)
    assert (stats.session, stats.first_call) == (0.002, 0.007)
    assert stats.peak_memory == 50_000_000
    with pytest.raises(NoValueError, match="no classes are known"):
        assert stats.agreement == 1.0
    assert stats["memory/session"] == 15_000_000
    assert stats.record.case == "fake/batch=4"
    assert repr(stats) == "<fake/batch=4: p50 1.1 ms, p95 1.2 ms, p99 1.2 ms>"
    with pytest.raises(FrozenInstanceError):
        stats.record = None  # type: ignore[misc,assignment]


def test_a_number_that_is_not_there_never_compares(bench: OnnxBench) -> None:
    stats = bench(FAKE, seconds=0.1)
    with pytest.raises(
        NoValueError, match=r"^fake has no latency/p95: 91 calls; 130 needed; measure longer with"
    ):
        assert stats.p95 < 0.010
    with pytest.raises(NoValueError, match=r"^fake has no accuracy/top1: "):
        assert stats.top1 > 0
    with pytest.raises(NoValueError, match="did you mean 'memory/peak'"):
        assert stats["memory/peek"] > 0
    assert repr(stats) == "<fake: p50 1.1 ms, p95 none, p99 none>"


def test_what_is_asked_for_wrongly_is_said(bench: OnnxBench) -> None:
    with pytest.raises(TypeError, match="onnx_bench has no argument 'bach': did you mean 'batch'"):
        bench(FAKE, bach=4)
    with pytest.raises(InputError, match=r"axes.batch: expected an integer .* got '4'"):
        bench(FAKE, batch="4")
    with pytest.raises(InputError, match="onnx_bench measures one case, these are 2"):
        bench(FAKE, batch=[1, 2])
    with pytest.raises(InputError, match=r"no file 'net.onnx'"):
        bench("net.onnx")


def test_a_model_is_measured_by_onnx_runtime(bench: OnnxBench) -> None:
    onnx.save(relu(), "relu.onnx")
    x = np.random.default_rng(0).uniform(1, 2, (60, 4)).astype(np.float32)
    np.savez("right.npz", x=x, y=x.argmax(1))
    np.savez("wrong.npz", x=x, y=(x.argmax(1) + 1) % 4)
    stats = bench(Path("relu.onnx"), batch=8, intra_threads=1, seconds=0.05, processes=2, data="right.npz")
    assert stats.record.case == "relu/intra_threads=1/batch=8"
    assert stats.record.effective["session"]["options"]["intra_threads"] == 1
    assert len(stats.record.samples["latency_ns"]) == 2
    assert stats.p50 > 0
    assert stats.top1 == 1.0
    assert stats.model_size == Path("relu.onnx").stat().st_size
    assert bench("relu.onnx", seconds=0.01, data="wrong.npz").top1 == 0.0


def test_sizes_that_nobody_gives_are_assumed_and_part_of_the_key(
    bench: OnnxBench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    x, y = (value(name, ["n", 3, "?", "?"]) for name in "xy")
    save_model(tmp_path / "m.onnx", [node], [x], [y])
    stats = bench("m.onnx", seconds=0.01)
    assert stats.record.case == "m/shapes=assumed-224x224"
    assert (
        capsys.readouterr().out == "assumed: x[2]=224 x[3]=224; set with shapes={'x[2]': 224, 'x[3]': 224}\n"
    )
    assert bench("m.onnx", shapes={"x[2]": 4, "x[3]": 8}, seconds=0.01).record.case == "m"


def test_in_a_session_what_is_unsupported_is_skipped_and_what_breaks_fails_at_the_line_of_the_test(
    session: Callable[..., pytest.RunResult],
) -> None:
    Path("test_it.py").write_text(
        f"""
FAKE = {FAKE!r}

def test_fast_enough(onnx_bench):
    stats = onnx_bench(FAKE, batch=8)
    assert stats.p95 < 0.010

def test_too_slow(onnx_bench):
    stats = onnx_bench(FAKE)
    assert stats.p95 < 0.001

def test_no_kernel(onnx_bench):
    onnx_bench(FAKE, batch=3)

def test_crash(onnx_bench):
    onnx_bench(FAKE, batch=5)

def test_typo(onnx_bench):
    onnx_bench(FAKE, bach=5)
"""
    )
    result = session("-rs")
    result.assert_outcomes(passed=1, failed=3, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "E       assert 0.0012 < 0.001",
            "E        +  where 0.0012 = <fake: p50 1.1 ms, p95 1.2 ms, p99 1.2 ms>.p95",
            ">       onnx_bench(FAKE, batch=5)",
            "E       Failed: fake/batch=5 crashed: the worker died of SIGSEGV*",
            ">       onnx_bench(FAKE, bach=5)",
            "E       TypeError: onnx_bench has no argument 'bach': *",
            "SKIPPED*fake/batch=3 unsupported: *no kernel",
        ]
    )
    assert not Path("results").exists()


def test_latest_means_the_version_that_it_is_now(bench: OnnxBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # so that no such version can be had, at once
    asking = replace(bench, newest=lambda name: Requirement("onnxruntime", "9.9.9"))
    with pytest.raises(
        pytest.skip.Exception, match=r"^fake/runtime=latest unsupported: onnxruntime==9\.9\.9: "
    ):
        asking(FAKE, runtime="latest")


def test_an_index_that_cannot_be_asked_fails_the_test(bench: OnnxBench) -> None:
    def fail(name: str) -> Requirement:
        raise Failed("onnxruntime: the package index cannot be reached")

    with pytest.raises(pytest.fail.Exception, match="the package index cannot be reached"):
        replace(bench, newest=fail)(FAKE, runtime="latest")
