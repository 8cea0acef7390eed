"""`harness ab` from the command line: its mistakes, its exit codes, its interruption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from make import open_repeating_arms
from models import relu

from harness.ab.job import run_ab
from harness.ab.model import ABResult, ABSettings, Control, Lost, Pairing
from harness.core.decision import Change, Decision, DecisionSource, MetricComparison
from harness.core.record import Status
from harness.core.report import GateOutcome, NoData, Outcome

Call = Callable[..., tuple[int, str, str]]

CRASHED = (Lost("head", Status.CRASHED, "SIGSEGV", 4),)
UNSUPPORTED = tuple(Lost(arm, Status.UNSUPPORTED, "no kernel") for arm in ("base", "head"))


ALL_METRICS = tuple(word for metric in ABSettings().metrics for word in ("--metric", metric))


class Loop:
    """Stands in for the loop: remembers what it was asked, and answers as told."""

    def __init__(self) -> None:
        self.pairing = Pairing(())
        self.settings = ABSettings()
        self.named: dict[str, Any] = {}
        self.answer: dict[str, Any] = {}

    def __call__(self, pairing: Pairing, suite: Any, settings: ABSettings, *_: Any, **named: Any) -> ABResult:
        self.pairing, self.suite, self.settings, self.named = pairing, suite, settings, named
        control = Control("m", False, {}, "quiet")
        known = {
            "job": "j",
            "settings": settings,
            "comparisons": (row(Change.EQUIVALENT),),
            "control": control,
            "file": "f.jsonl",
        }
        return ABResult(**{**known, "base": named["base"], "head": named["head"], **self.answer})

    @property
    def keys(self) -> list[tuple[str, str, str]]:
        return [(pair.name, pair.base.key, pair.head.key) for pair in self.pairing.pairs]


@pytest.fixture
def asked(parts: dict[str, Any]) -> Loop:
    """Have nothing measured."""
    made = parts["run_ab"] = Loop()
    return made


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder with small models of several names."""
    for name in ("old.onnx", "new.onnx", "v1/model.onnx", "v2/model.onnx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(relu(doc_string=name).SerializeToString())
    return tmp_path


def row(verdict: Change) -> MetricComparison:
    return MetricComparison(
        "m", "latency/p50", 1.0, 2.0, Decision(verdict=verdict, source=DecisionSource.AB, ratio=2.0)
    )


def test_two_files_are_the_two_arms(harness: Call, asked: Loop, models: Path) -> None:
    code, _, _ = harness("ab", "old.onnx", "new.onnx", "--batch", "1,8")
    assert code == 0
    assert asked.keys == [
        ("old->new", "old", "new"),
        ("old->new/batch=8", "old/batch=8", "new/batch=8"),
    ]
    assert asked.named["base"] == {"model": "old.onnx"}
    assert asked.named["head"] == {"model": "new.onnx"}
    assert [model.name for model in asked.suite.models] == ["old", "new"]


def test_two_files_of_one_name_are_told_apart_by_their_folders(
    harness: Call, asked: Loop, models: Path
) -> None:
    assert harness("ab", "v1/model.onnx", "v2/model.onnx")[0] == 0
    assert asked.keys == [("model", "model", "model")]
    assert asked.named["base"] == {"model": "v1/model.onnx"}
    (pair,) = asked.pairing.pairs
    assert pair.base != pair.head


def test_a_file_may_be_held_against_itself_under_other_settings(
    harness: Call, asked: Loop, models: Path
) -> None:
    assert harness("ab", "old.onnx", "--base", "graph_opt=0", "--head", "intra_threads=2")[0] == 0
    assert asked.keys == [("old", "old/graph_opt=disable", "old/intra_threads=2")]
    assert asked.named["head"] == {"intra_threads": "2"}


def test_what_is_assumed_of_both_arms_is_printed_once(harness: Call, asked: Loop, tmp_path: Path) -> None:
    model = relu()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "width"
    (tmp_path / "open.onnx").write_bytes(model.SerializeToString())
    code, _, err = harness("ab", "open.onnx", "--base", "graph_opt=basic", "--head", "graph_opt=disable")
    assert (code, err.count("assumed: width=224; set with --shape width=224\n")) == (0, 1)


def test_what_an_arm_does_not_name_is_as_it_stands(harness: Call, asked: Loop, suite: Any) -> None:
    assert harness("ab", suite(axes={"batch": [1, 8]}), "--head", "runtime=onnxruntime==1.22.1")[0] == 0
    assert asked.keys == [
        ("m", "m", "m/runtime=onnxruntime==1.22.1"),
        ("m/batch=8", "m/batch=8", "m/runtime=onnxruntime==1.22.1/batch=8"),
    ]


def test_a_runtime_that_moves_is_the_version_that_it_is_now(
    harness: Call, asked: Loop, suite: Any, parts: dict[str, Any]
) -> None:
    parts["newest"] = lambda name: f"onnxruntime==1.9{len(name)}.0"
    assert harness("ab", suite(), "--base", "runtime=nightly", "--head", "runtime=latest")[0] == 0
    (pair,) = asked.pairing.pairs
    assert (pair.base.session.runtime, pair.head.session.runtime) == (
        "onnxruntime==1.97.0",
        "onnxruntime==1.96.0",
    )
    assert asked.keys == [("m", "m/runtime=nightly", "m/runtime=latest")]


def test_a_value_that_the_suite_has_is_chosen_and_another_is_put_in(
    harness: Call, asked: Loop, suite: Any
) -> None:
    named = {"tuned": {"method": "static", "calibration": "entropy"}}
    path = suite(axes={"precision": ["fp32", named], "graph_opt": ["basic", "all"]})
    code, _, err = harness("ab", path, "--base", "precision=fp32", "--head", "precision=tuned")
    assert code == 0, err
    assert [name for name, _, _ in asked.keys] == ["m/graph_opt=basic", "m"]
    assert dict(asked.pairing.pairs[0].head.artifact.precision.options)["calibration"] == "entropy"
    assert harness("ab", path, "--base", "graph_opt=all", "--head", "graph_opt=extended")[0] == 0
    assert [head for _, _, head in asked.keys] == [
        "m/graph_opt=extended",
        "m/precision=tuned/graph_opt=extended",
    ]


def test_an_axis_that_a_model_sets_for_itself_is_put_in_all_the_same(
    harness: Call, asked: Loop, tmp_path: Path
) -> None:
    (tmp_path / "s.yaml").write_text(
        "models: {m: {source: {fake: {call_ns: [1]}}, axes: {graph_opt: basic}}}"
    )
    assert harness("ab", "s.yaml", "--head", "graph_opt=all")[0] == 0
    assert asked.keys == [("m", "m/graph_opt=basic", "m")]


def test_a_suites_models_can_be_the_arms(harness: Call, asked: Loop, tmp_path: Path) -> None:
    fake = "{source: {fake: {call_ns: [1]}}}"
    (tmp_path / "s.yaml").write_text(f"models: {{a: {fake}, b: {fake}, c: {fake}}}\naxes: {{batch: [1, 8]}}")
    assert harness("ab", "s.yaml", "--base", "model=a", "--head", "model=c")[0] == 0
    assert asked.keys == [("a->c", "a", "c"), ("a->c/batch=8", "a/batch=8", "c/batch=8")]


def test_only_and_set_work_as_elsewhere(harness: Call, asked: Loop, suite: Any) -> None:
    path = suite(axes={"batch": [1, 8]})
    arms = ("--head", "io=run")
    assert harness("ab", path, *arms, "--only", "batch=8")[0] == 0
    assert [name for name, _, _ in asked.keys] == ["m/batch=8"]
    assert harness("ab", path, *arms, "--set", "axes.batch=4", "--set", "sampling.timeout=7")[0] == 0
    assert [name for name, _, _ in asked.keys] == ["m/batch=4"]
    assert asked.suite.sampling.timeout_s == 7


def test_the_terms_are_as_asked_and_a_seed_is_drawn_where_none_is(
    harness: Call, asked: Loop, models: Path
) -> None:
    harness("ab", "old.onnx", "new.onnx")
    assert (asked.settings.min_effect, asked.settings.alpha, asked.settings.budget_s) == (0.01, 0.01, 10)
    drawn = asked.settings.seed
    harness("ab", "old.onnx", "new.onnx")
    assert asked.settings.seed != drawn
    options = ("--min-effect", "0.3%", "--alpha", "5%", "--budget", "30", "--seed", "7")
    harness("ab", "old.onnx", "new.onnx", *options)
    assert asked.settings == ABSettings(0.003, 0.05, 30, 7)


@pytest.mark.parametrize(
    ("options", "budget"),
    [
        ((), (10, None, 30)),  # it grows by itself
        (("--budget", "20"), (20, None, None)),  # it is fixed
        (("--see", "2%"), (10, 0.02, 120)),
        (("--see", "2%", "--budget", "5"), (5, 0.02, 5)),  # a cap
    ],
)
def test_a_budget_is_fixed_or_grows_until_a_change_is_visible(
    harness: Call, asked: Loop, models: Path, options: tuple[str, ...], budget: tuple[Any, ...]
) -> None:
    harness("ab", "old.onnx", "new.onnx", *options)
    assert (asked.settings.budget_s, asked.settings.see, asked.settings.most_s) == budget


def without_data(why: NoData) -> GateOutcome:
    """A gate on the case `m` that could not be evaluated."""
    return GateOutcome(
        "latency/p95 max 1 ms", "m", "latency/p95", Outcome.NO_DATA, None, 1e-3, str(why), no_data=why
    )


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"comparisons": (row(Change.EQUIVALENT), row(Change.IMPROVEMENT))}, 0),
        ({"comparisons": (row(Change.INCONCLUSIVE),)}, 0),
        ({"comparisons": (replace(row(Change.INCONCLUSIVE), base=None, head=None),)}, 3),
        ({"comparisons": (row(Change.REGRESSION),)}, 1),
        ({"comparisons": (row(Change.REGRESSION),), "failed": {"m": CRASHED}}, 1),
        ({"failed": {"m": CRASHED}}, 3),
        ({"failed": {"m": UNSUPPORTED}, "unsupported": frozenset("m")}, 0),
        ({"failed": {"m": UNSUPPORTED}, "unsupported": frozenset("m"), "comparisons": ()}, 3),
        (
            {"failed": {"m": UNSUPPORTED, "n": UNSUPPORTED[:1]}, "unsupported": frozenset("m")},
            3,
        ),
        ({"control": Control("m", True, {}, "it differs")}, 3),
        ({"comparisons": (row(Change.REGRESSION),), "control": Control("m", True, {}, "it differs")}, 3),
        ({"comparisons": (row(Change.REGRESSION),), "interrupted": True}, 130),
        ({"gates": (without_data(NoData.TOO_FEW_CALLS),)}, 3),
        ({"gates": (without_data(NoData.NOT_COMPARED),)}, 0),
    ],
)
def test_the_exit_code_says_what_was_found(
    harness: Call, asked: Loop, models: Path, answer: dict[str, Any], code: int
) -> None:
    asked.answer = answer
    assert harness("ab", "old.onnx", "new.onnx")[0] == code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("old.onnx",), "nothing differs: name two model files, or what each arm is"),
        (("old.onnx", "old.onnx"), "old.onnx is named twice"),
        (("old.onnx", "new.onnx", "old.onnx"), "expected one suite, one model file, or two model files"),
        (("s.yaml", "new.onnx"), "expected one suite, one model file, or two model files"),
        (("s.yaml", "--head", "graphopt=all"), "unknown axis 'graphopt': did you mean 'graph_opt'?"),
        (("s.yaml", "--head", "graph_opt"), "--head graph_opt: expected AXIS=VALUE"),
        (
            ("s.yaml", "--head", "graph_opt=al"),
            "--head graph_opt=al: unknown graph_opt 'al'",
        ),
        (("s.yaml", "--head", "io=run", "--head", "io=iobinding"), "--head has io twice"),
        (("s.yaml", "--base", "io=run", "--head", "io=run"), "nothing differs"),
        (("s.yaml", "--base", "model=mm"), "--base model=mm: no cell has model 'mm': did you mean 'm'?"),
        (("s.yaml", "--head", "io=run", "--data", "digits"), "--data is for model files"),
        (("s.yaml", "--head", "io=run", "--shape", "n=2"), "--shape is for model files"),
        (("s.yaml", "--head", "io=run", "--min-effect", "x"), "--min-effect: expected a ratio"),
        (("s.yaml", "--head", "io=run", "--alpha", "0"), "--alpha: expected a ratio above 0"),
        (("s.yaml", "--head", "io=run", "--budget", "0"), "--budget"),
        (
            ("s.yaml", "--head", "io=run", *ALL_METRICS, "--set", "measure.memory=false"),
            "--metric memory/peak: the suite leaves memory out; add --set measure.memory=true",
        ),
        (("nowhere.yaml", "--head", "io=run"), "nowhere.yaml"),
        (("nowhere.onnx", "--head", "io=run"), "nowhere.onnx"),
        (("s.yaml", "--base", "batch=8"), "--head has batch"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_measured(
    harness: Call, asked: Loop, models: Path, arguments: tuple[str, ...], words: str
) -> None:
    (models / "s.yaml").write_text("models: {m: {source: {fake: {call_ns: [1]}}}}\naxes: {batch: [1, 8]}")
    code, out, err = harness("ab", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1
    assert not asked.named


def test_a_whole_job_prints_its_rows_and_how_far_it_was(
    harness: Call, suite: Any, parts: dict[str, Any]
) -> None:
    parts["run_ab"] = partial(run_ab, open_bench=open_repeating_arms)
    path = suite({"cases": [{"when": {"graph_opt": "all"}, "call_ns": [2_000, 2_400, 2_200]}]})
    code, out, err = harness(
        "ab", path, "--base", "graph_opt=basic", "--alpha", "10%", "--seed", "1", "--format", "json"
    )
    *found, job = json.loads(out)
    assert code == 1
    (p50,) = [item for item in found if item["metric"] == "latency/p50"]
    assert (p50["case"], p50["verdict"], p50["ratio"]) == ("m", "regression", pytest.approx(2.0))
    assert job["control"]["fired"] is False
    assert "[numbers 1/1] m: both arms run  (at most 1 min 00 s left)" in err
    assert "[blocks 1/1] m: " in err
    assert "[control 1/1] m: " in err
    assert f"raw samples: {job['file']}" in err
    assert Path(job["file"]).is_file()


@pytest.fixture
def running(tmp_path: Path, suite: Any) -> Iterator[subprocess.Popen[str]]:
    """A job that is in the midst of its blocks."""
    path = suite({"cases": [{"when": {"graph_opt": "all"}, "call_ns": [1_020]}], "call_ns": [1_000]})
    script = "import sys; from harness.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = ["ab", str(path), "--base", "graph_opt=basic", "--budget", "60", "--seed", "1"]
    job = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        cwd=tmp_path,
        env={**os.environ, "HARNESS_CACHE": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 90
    try:
        while blocks(tmp_path) < 2:
            assert job.poll() is None, job.communicate()
            assert time.monotonic() < end
            time.sleep(0.02)
        yield job
    finally:
        job.kill()
        job.communicate()


def kept(folder: Path) -> str:
    found = [path.read_text() for path in (folder / "results" / "ab").glob("*.jsonl")]
    return found[0] if found else ""


def blocks(folder: Path) -> int:
    return kept(folder).count('"samples_ns"')


def workers(folder: Path) -> list[str]:
    """Workers of this very test: their requests lie in a folder that the job made."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            where = (process / "cwd").readlink() if "harness.measure.worker" in command else None
            asked = (where / "request.json").read_text() if where else ""
        except OSError:  # it ended meanwhile, or its folder went: that of another test's worker
            continue
        if str(folder) in asked:
            found.append(command)
    return found


def test_ctrl_c_prints_what_is_known_and_exits_130(running: subprocess.Popen[str], tmp_path: Path) -> None:
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "interrupted" in out.splitlines()[1]
    assert "not decided: interrupted after" in out
    assert "Traceback" not in err
    last = json.loads(kept(tmp_path).splitlines()[-1])
    assert last["summary"]["interrupted"] is True


def test_kill_9_loses_no_block_and_leaves_no_worker(running: subprocess.Popen[str], tmp_path: Path) -> None:
    before = blocks(tmp_path)
    running.kill()
    running.wait()
    lines = kept(tmp_path).splitlines()
    whole = [json.loads(line) for line in lines[:-1]]  # the last one may be torn
    assert sum("samples_ns" in line for line in whole) >= before - 1
    end = time.monotonic() + 20
    while workers(tmp_path):
        assert time.monotonic() < end, "a worker outlived the job"
        time.sleep(0.02)
