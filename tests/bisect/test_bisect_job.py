"""The loop of a bisection: versions made up, so that every number is exact; then real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import pytest
from make import make_record
from models import scaled
from world import TIMED, World, numbered, plan_of, search_world, since, write_candidates

from harness import show
from harness.ab.model import ABSettings
from harness.bisect.job import Candidates, _key, bisect, over_models, over_runtimes
from harness.bisect.model import Over, Question, Search, SearchOutcome, Step, StepVerdict, Window
from harness.bisect.view import BisectionDocument
from harness.core.case import Case, Source, freeze
from harness.core.errors import InputError, NotFoundError, StoreError
from harness.core.listener import Listener
from harness.core.record import Record, Status
from harness.measure import Block
from harness.plan import plan_document
from harness.store.ledger import Ledger, read_lines


def render(result: Any, view: str, **style: Any) -> str:
    return show.render(BisectionDocument(result), view, **style)


@pytest.fixture
def candidates(tmp_path: Path) -> Candidates:
    return write_candidates(tmp_path)


@pytest.fixture
def worlds() -> list[World]:
    return []


@pytest.fixture
def world(worlds: list[World]) -> Callable[..., World]:
    def make(**facts: Any) -> World:
        worlds.append(World(**facts))
        return worlds[-1]

    return make


@pytest.fixture
def search(tmp_path: Path, candidates: Candidates, worlds: list[World]) -> Callable[..., Search]:
    def run(metric: str, line: Candidates = candidates, **options: Any) -> Search:
        return search_world(worlds, metric, line, tmp_path, **options)

    return run


class Stop(Listener):
    """Interrupt before a step."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.started: list[int] = []

    def start_step(self, number: int, version: str, against: str) -> None:
        self.started.append(number)
        if number == self.number:
            raise KeyboardInterrupt

    def end_step(self, step: Step) -> None:
        assert step.version


def found(made: Search) -> tuple[str | None, str | None]:
    assert made.finding is not None
    assert made.finding.outcome is SearchOutcome.FOUND, made.finding
    return made.finding.last_good, made.finding.first_bad


def test_the_first_version_with_other_outputs_is_found_exactly(world, search) -> None:
    facts = world(error=since("v6", 0.25))
    made = search("accuracy/max_abs_error")
    assert found(made) == ("v5", "v6")
    assert [(step.version, step.against) for step in made.steps] == [
        ("v1", ""),
        ("v8", "v1"),
        *((f"v{number}", "v1") for number in range(2, 8)),  # an exact question looks at every version
    ]
    assert [step.worse for step in made.steps] == [None, 0.25, 0.0, 0.0, 0.0, 0.0, 0.25, 0.25]
    assert made.limit == 0.125
    assert facts.seen == ["v1", "v8", "v2", "v3", "v4", "v5", "v6", "v7"]  # each once


def test_outputs_that_were_wrong_for_some_versions_only_are_a_window(world, search) -> None:
    world(error={"v4": 0.25, "v5": 0.25})
    made = search("accuracy/max_abs_error")
    assert made.finding is not None
    assert made.finding.outcome is SearchOutcome.FIXED
    assert (made.finding.last_good, made.finding.first_bad) == ("v3", "v4")
    assert made.finding.windows == (Window("v3", "v4", "v5", "v6"),)
    page = render(made, "table", width=200)
    assert "no regression between the ends, but versions in between are worse" in page
    assert "bad from v4 to v5; fixed in v6" in page
    assert "worse by, version after version: ▁▁██▁▁▁" in page


def test_a_tolerance_moves_the_answer(world, search) -> None:
    world(error=since("v3", 0.05) | since("v6", 0.25))
    assert found(search("accuracy/max_abs_error")) == ("v5", "v6")
    assert found(search("accuracy/max_abs_error", limit=0.01)) == ("v2", "v3")


def test_the_output_that_counts_by_its_source_is_searched_not_the_first(world, search) -> None:
    world(error=since("v3", 0.05) | since("v6", 0.25), classifier=True)
    assert found(search("accuracy/max_abs_error")) == ("v5", "v6")


def test_rounding_alone_is_no_difference(world, search) -> None:
    world(error=since("v3", 0.00008))
    made = search("accuracy/max_abs_error")
    assert made.finding.outcome is SearchOutcome.NO_DIFFERENCE
    assert made.limit == pytest.approx(0.875e-4)


def test_labelled_accuracy_is_searched_by_too(world, search, tmp_path: Path, candidates: Candidates) -> None:
    world(top1=since("v4", 0.95))
    with pytest.raises(InputError, match="takes labelled data; name it with --data"):
        search("accuracy/top1")
    plans = {path: plan_of(path.name, data="digits") for path in candidates.files}
    labelled = numbered(over_models(plans))
    assert found(search("accuracy/top1", labelled)) == ("v3", "v4")


def test_what_the_good_version_cannot_answer_is_told_at_once(world, search, candidates: Candidates) -> None:
    facts = world()
    plans = {path: plan_of(path.name, output="typo") for path in candidates.files}
    named = numbered(over_models(plans))
    for metric in ("accuracy/cosine", "accuracy/max_abs_error"):
        with pytest.raises(InputError, match=f"--metric {metric}: v1: no output is named 'typo'"):
            search(metric, named)
    plans = {path: plan_of(path.name, data="digits") for path in candidates.files}
    labelled = numbered(over_models(plans))
    with pytest.raises(InputError, match="v1: its labels make it accuracy/top1"):
        search("accuracy/mae", labelled)
    assert set(facts.seen) == {"v1", "v8"}
    stopped = search("accuracy/max_abs_error", named, listener=Stop(2))
    assert (stopped.finding, stopped.limit) == (None, 0.01)
    world(status={"v8": Status.FAILED})
    assert search("accuracy/max_abs_error", named).finding.first_bad == "v8"


def test_a_metric_that_cannot_be_searched_by_names_those_that_can(world, search) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'latency/p50'"):
        search("latency/p501")


def test_versions_that_cannot_be_had_are_skipped_and_said(world, search) -> None:
    world(error=since("v6", 0.25), missing=("v5", "v8"))
    made = search("accuracy/max_abs_error")
    assert made.finding.suspects == ("v5", "v6")
    assert {step.version: step.reason for step in made.steps if step.mark is StepVerdict.SKIPPED} == {
        "v5": "unsupported: v5 is broken",
        "v8": "unsupported: v8 is broken",
    }


def test_a_crash_in_between_is_a_hole(world, search) -> None:
    world(error=since("v6", 0.25), status={"v4": Status.CRASHED})
    assert found(search("accuracy/max_abs_error")) == ("v5", "v6")


@pytest.mark.parametrize("metric", ["accuracy/max_abs_error", "latency/p50", "status"])
def test_a_crash_that_lasts_to_the_end_is_what_is_searched_by(world, search, metric: str) -> None:
    facts = world(status=since("v5", Status.CRASHED))
    made = search(metric)
    assert found(made) == ("v4", "v5")
    assert "v8 does not run the model" in made.finding.reason
    assert facts.raced == []


def test_status_takes_no_notice_of_anything_else(world, search) -> None:
    world(error=since("v2", 9.0))
    made = search("status")
    assert made.finding.outcome is SearchOutcome.NO_DIFFERENCE


def test_a_slower_version_is_found_by_abs_and_confirmed_between_neighbours(world, search) -> None:
    facts = world(ns=since("v3", 1_004_000) | since("v6", 1_100_000))
    made = search("latency/p50")
    assert found(made) == ("v5", "v6")
    assert facts.raced == [("v1", "v8"), ("v1", "v4"), ("v1", "v6"), ("v1", "v5"), ("v5", "v6")]
    by_pair = {(step.version, step.against): step for step in made.steps}
    last = by_pair["v6", "v5"]
    assert (last.mark, last.sure) == (StepVerdict.BAD, True)
    assert last.worse == pytest.approx(1.1 / 1.004 - 1)
    assert (last.base, last.head) == (pytest.approx(1.004e-3), pytest.approx(1.1e-3))
    effects = {pair: step.decision.min_effect for pair, step in by_pair.items() if step.decision}
    assert effects["v8", "v1"] == 0.01
    assert effects["v4", "v1"] == pytest.approx(0.05)
    assert effects["v6", "v5"] == 0.01
    assert made.finding.share == pytest.approx(0.96)
    assert made.trusted
    assert all(Path(step.file).exists() for step in made.steps if step.decision)


def test_each_ab_draws_anew_from_the_seed(world, search) -> None:
    world(ns=since("v6", 1_100_000))
    made = search("latency/p50")
    seeds = [read_lines(Path(step.file))[0]["seed"] for step in made.steps if step.file]
    assert seeds == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("metric", ["latency/p50", "latency/p95"])
def test_no_block_is_spent_on_another_metric(world, search, metric: str) -> None:
    world(ns=since("v6", 1_100_000))
    made = search(metric)
    assert found(made) == ("v5", "v6")
    rows = [row for step in made.steps if step.file for row in read_lines(Path(step.file))[-1]["rows"]]
    decided = {row["metric"] for row in rows if row["metric"].startswith(("latency/", "memory/"))}
    assert decided == {metric}


def test_equal_speed_ends_the_search_with_one_ab(world, search) -> None:
    facts = world()
    made = search("latency/p50")
    assert made.finding.outcome is SearchOutcome.NO_DIFFERENCE
    assert facts.raced == [("v1", "v8")]
    assert "within" in made.finding.reason


def test_too_small_a_budget_ends_undecided_and_says_which_would_do(world, search) -> None:
    world(ns=since("v6", 1_100_000))
    made = search("latency/p50", settings=ABSettings(budget_s=2.0, seed=1))
    assert made.finding.outcome is SearchOutcome.UNDECIDED
    assert "--budget" in made.finding.reason


def test_a_version_that_is_lost_in_the_blocks_is_skipped(world, search) -> None:
    world(ns=since("v6", 1_100_000), lost=("v6",))
    made = search("latency/p50")
    assert made.finding.suspects == ("v6", "v7")
    (skipped,) = [step for step in made.steps if step.mark is StepVerdict.SKIPPED]
    assert (skipped.version, "SIGSEGV" in skipped.reason) == ("v6", True)


def test_instructions_are_searched_by_halves_with_one_run_a_version(world, search) -> None:
    made = world(counts=since("v4", 1_003_000.0))
    result = search("instructions/call")
    assert found(result) == ("v3", "v4")
    assert (made.raced, sorted(set(made.seen))) == ([], ["v1", "v2", "v3", "v4", "v8"])
    assert (len(made.seen), made.ahead) == (5, [2])  # both ends at the same time
    assert {step.version: step.worse for step in result.steps}["v4"] == pytest.approx(0.003)
    assert search("instructions/call", limit=0.01).finding.outcome is SearchOutcome.NO_DIFFERENCE


def test_a_control_that_fires_is_told(world, search) -> None:
    world(ns=since("v6", 1_100_000), control_percent=3.0)
    made = search("latency/p50")
    assert not made.trusted
    assert [step.trusted for step in made.steps][:2] == [True, False]


def test_every_step_is_on_disk_and_the_search_goes_on_after_an_interrupt(world, search) -> None:
    facts = world(error=since("v6", 0.25))
    stop = Stop(4)
    first = search("accuracy/max_abs_error", listener=stop)
    assert first.finding is None
    assert [step.version for step in first.steps] == ["v1", "v8", "v2"]
    lines = read_lines(Path(first.file))
    assert [line["step"]["version"] for line in lines[1:]] == ["v1", "v8", "v2"]

    facts.seen.clear()
    again = search("accuracy/max_abs_error", resume=True, listener=Stop(4))
    assert (again.finding, again.limit, facts.seen) == (None, None, [])  # no worker is started to say so
    assert "bad is what is worse by more than a limit not known yet; 3 steps" in render(
        again, "table", width=120
    )
    told = search("accuracy/max_abs_error", limit=0.1, listener=Stop(1))
    assert (told.finding, told.limit, facts.seen) == (None, 0.1, [])
    rest = Stop(0)
    second = search("accuracy/max_abs_error", resume=True, listener=rest)
    assert (second.id, second.file) == (first.id, first.file)
    assert found(second) == ("v5", "v6")
    assert rest.started == [4, 5, 6, 7, 8]
    assert facts.seen == ["v3", "v1", "v4", "v5", "v6", "v7"]  # the good one again, for its outputs
    assert "finding" in read_lines(Path(second.file))[-1]
    with pytest.raises(InputError, match="no unfinished search like this"):
        search("accuracy/max_abs_error", resume=True)


def test_an_interrupt_within_an_ab_keeps_the_steps_before_it(world, search) -> None:
    facts = world(ns=since("v6", 1_100_000))
    calls = []

    def interrupted(*given: Any) -> Block:
        calls.append(given)
        if len(facts.raced) == 2:
            raise KeyboardInterrupt
        return run_block(*given)

    run_block, facts.run_block = facts.run_block, interrupted
    first = search("latency/p50")
    assert first.finding is None
    assert [step.version for step in first.steps] == ["v1", "v8"]
    facts.run_block = run_block
    assert found(search("latency/p50", resume=True)) == ("v5", "v6")


def test_a_line_that_was_torn_by_a_kill_is_taken_again(world, search) -> None:
    world(error=since("v6", 0.25))
    first = search("accuracy/max_abs_error", listener=Stop(4))
    path = Path(first.file)
    path.write_bytes(path.read_bytes() + b'{"step": {"version": "v6"')
    second = search("accuracy/max_abs_error", resume=True)
    assert found(second) == ("v5", "v6")
    assert len(read_lines(path)) == 1 + 8 + 1


@pytest.mark.parametrize("change", ["metric", "limit", "file", "name", "model"])
def test_another_question_is_not_taken_up(world, search, candidates: Candidates, change: str) -> None:
    world(error=since("v6", 0.25))
    search("accuracy/max_abs_error", listener=Stop(3))
    if change == "file":
        candidates.files[3].write_text("retrained")
    line = candidates
    if change == "name":
        cases = {{"v4": "v4b"}.get(version, version): case for version, case in candidates.cases.items()}
        line = replace(candidates, cases=cases)
    if change == "model":
        case = candidates.cases["v4"]
        model = replace(case.artifact.model, source=Source("fake", freeze({"version": "2"})))
        changed = replace(case, artifact=replace(case.artifact, model=model))
        line = replace(candidates, cases={**candidates.cases, "v4": changed})
    metric = "accuracy/agreement" if change == "metric" else "accuracy/max_abs_error"
    with pytest.raises(InputError, match="--resume"):
        search(metric, line, resume=True, limit=0.1 if change == "limit" else None)


def test_what_a_suite_names_must_be_as_it_was_to_go_on(tmp_path: Path) -> None:
    """The suite's text is the same; the model behind it is another."""
    path, document = tmp_path / "m.onnx", {"models": {"m": {"source": {"onnx": "m.onnx"}}}}
    (tmp_path / "s.yaml").write_text("the same")
    keys = []
    for scale in (2.0, 2.0, 2.5):
        onnx.save(scaled(scale), path)
        case = plan_document(document, tmp_path, "s").cases[0]
        line = Candidates(
            "s", plan_document(document, tmp_path, "s").suite, {"v1": case}, (tmp_path / "s.yaml",)
        )
        keys.append(_key(line, Question("s", "status", ("v1",), None)))
    assert keys[0] == keys[1] != keys[2]


def test_two_processes_cannot_take_the_same_steps(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.append({"a": 1})
        with pytest.raises(StoreError, match="another process is at it"):
            Ledger(tmp_path, ledger.path)
    with Ledger(tmp_path, ledger.path) as again:
        again.append({"b": 2})
        assert again.lines() == [{"a": 1}, {"b": 2}]


def test_a_ledger_that_is_no_ledger_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("nonsense\n")
    with pytest.raises(StoreError, match=r"x\.jsonl: cannot be read"):
        read_lines(tmp_path / "x.jsonl")


def test_a_search_is_plain_json(world, search) -> None:
    world(ns=since("v6", 1_100_000), status={"v4": Status.FAILED})
    made = search("latency/p50")
    assert json.loads(json.dumps(made.to_json(), allow_nan=False))["finding"]["first_bad"] == "v6"


# what is searched

RELEASED = ("1.15.0", "1.16.0", "1.17.0", "1.18.0", "1.19.2", "1.20.0")


over_released = partial(over_runtimes, released=lambda distribution: RELEASED)


def versions(**ends: str) -> tuple[str, ...]:
    return tuple(over_released(plan_of("m"), Path("m.onnx"), "onnxruntime", **ends).cases)


def test_the_versions_are_those_that_a_worker_runs_under() -> None:
    assert versions() == RELEASED[2:]
    assert versions(good="1.16.0", bad="1.19.2") == ("1.16.0", "1.17.0", "1.18.0", "1.19.2")
    assert versions(good="onnxruntime==1.18.0", bad="1.19.2") == ("1.18.0", "1.19.2"), "as --runtime takes it"
    cases = over_released(plan_of("m"), Path("m"), "onnxruntime-openvino", bad="1.18.0").cases
    assert [case.session.runtime for case in cases.values()] == [
        "onnxruntime-openvino==1.17.0",
        "onnxruntime-openvino==1.18.0",
    ]


def test_ends_that_are_wrong_are_told() -> None:
    with pytest.raises(NotFoundError, match=r"--good 1\.19\.1: not a released version; did you mean"):
        versions(good="1.19.1")
    with pytest.raises(InputError, match=r"--good 1\.20\.0 --bad 1\.18\.0: a search needs two versions"):
        versions(good="1.20.0", bad="1.18.0")


def test_a_search_takes_one_case() -> None:
    two = plan_of("m", axes={"batch": [1, 8]})
    with pytest.raises(InputError, match=r"s\.yaml: 2 cases; a search takes one"):
        over_released(two, Path("s.yaml"), "onnxruntime")
    old = plan_of("m", axes={"runtime": "onnxruntime==1.18.0"})
    with pytest.raises(InputError, match="name its ends with --good and --bad"):
        over_released(old, Path("s.yaml"), "onnxruntime")
    with pytest.raises(InputError, match="two files at least"):
        over_models({Path("m"): plan_of("m")})


# real sessions


def test_real_models_are_searched_by_their_outputs(tmp_path: Path) -> None:
    plans = {}
    for number in range(5):
        path = tmp_path / f"night{number}.onnx"
        onnx.save(scaled(2.0 if number < 3 else 2.5), path)
        document = {"models": {"m": {"source": {"onnx": str(path)}}}}
        plans[path] = plan_document(document, tmp_path, "m")
    made = bisect(
        over_models(plans), "accuracy/max_abs_error", tmp_path / "results", tmp_path / "cache", settings=TIMED
    )
    assert found(made) == (str(tmp_path / "night2.onnx"), str(tmp_path / "night3.onnx"))
    worse = {Path(step.version).stem: step.worse for step in made.steps}
    assert worse["night2"] == 0.0
    assert worse["night3"] == worse["night4"] > 0.5  # half of the largest input


class Quantizers(World):
    """Versions that quantize: from 1.19.2 on, three operators fewer."""

    def measure(self, bench: Any, case: Case, run: str = "") -> Record:
        version = case.artifact.quantizer.partition("==")[2]
        nodes = 24.0 if version < "1.19.2" else 21.0
        return make_record({"model/int8_operators": nodes}, case=case, run=run)


def test_versions_that_quantize_are_searched_by_the_operators_that_they_leave(
    tmp_path: Path, worlds: list[World]
) -> None:
    plan = plan_document(
        {"models": {"m": {"source": {"fake": {}}}}, "axes": {"precision": "int8_static"}}, tmp_path, "s"
    )
    (tmp_path / "m.onnx").touch()
    line = over_released(plan, tmp_path / "m.onnx", "onnxruntime", over=Over.QUANTIZER)
    assert line.title == "m/precision=int8_static quantized by onnxruntime"
    assert {case.session.runtime for case in line.cases.values()} == {"current"}
    worlds.append(Quantizers())
    made = search_world(worlds, "model/int8_operators", line, tmp_path)
    assert found(made) == ("1.18.0", "1.19.2")


def test_a_search_over_what_quantizes_needs_a_precision() -> None:
    with pytest.raises(InputError, match="--over quantizer: fp32 is not quantized; name a precision"):
        over_released(plan_of("m"), Path("m"), "onnxruntime", over=Over.QUANTIZER)
