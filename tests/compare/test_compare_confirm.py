"""What an A/B of two stored runs varies: what their records differ in, and is still there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import store
from harness.ab.model import ABResult, ABSettings, Pair, Pairing
from harness.compare.confirm import Confirmation, Means, confirm
from harness.compare.confirmed import Untried
from harness.core.decision import Change, Decision, MetricComparison, Unconfirmed
from harness.core.errors import Unsupported
from harness.core.record import Record
from harness.core.requirement import Requirement
from harness.core.suite import Plan
from harness.install import Installed
from harness.plan import plan

Suite = Callable[..., Path]
Call = Callable[..., tuple[int, str, str]]
Ran = tuple[Plan, Record]


@pytest.fixture
def ran(suite: Suite, harness: Call) -> Ran:
    """A plan of one case, and the record of a run of it."""
    path = suite(measure={"accuracy": False})
    harness("run", path)
    results = Path("results")
    (record,) = store.records(results, store.find_run(results, "latest").run)
    return plan(path), record


Asked = list[Pair]
Try = Callable[..., Confirmation]


def install(requirement: Requirement, cache_dir: Path) -> Installed:
    """Have every runtime, its wheel newer than any that was measured."""
    return Installed("", str(requirement), "onnxruntime", requirement.version, "new", None, 0, "")


@pytest.fixture
def asked() -> Asked:
    """The pairs that an A/B was asked of."""
    return []


@pytest.fixture
def try_(ran: Ran, asked: Asked) -> Try:
    """Confirm a pair of records without an A/B, on a machine that has 1.32.0; keywords are other means."""

    def run_ab(pairing: Pairing, *_: Any, **__: Any) -> ABResult:
        asked.extend(pairing.pairs)
        return ABResult(job="j", settings=ABSettings(), base={}, head={}, comparisons=(), control=None)

    means = Means(run_ab=run_ab, ensure=install, version=lambda distribution: "1.32.0")

    def confirmed(
        base: Record, head: Record | None = None, made: Plan | None = None, **options: Any
    ) -> Confirmation:
        other = {name: options.pop(name) for name in ("run_ab", "ensure", "version") if name in options}
        pairs = [(base, head or ran[1])]
        found = replace(means, **other)
        return confirm(made or ran[0], pairs, Path("results"), Path("cache"), means=found, **options)

    return confirmed


def under(
    record: Record, version: str, requirement: str = "", sha256: str | None = None, build: str = ""
) -> Record:
    """The record as it would be under another runtime."""
    runtime = {"distribution": "onnxruntime", "version": version, "build": build}
    installed = {"requirement": requirement or None, "sha256": sha256} if requirement else None
    return replace(record, effective={**record.effective, "runtime": runtime, "installed": installed})


def gone(case: str, text: str) -> dict[str, Untried]:
    return {case: Untried(Unconfirmed.GONE, text)}


def test_two_runs_that_differ_in_nothing_are_not_tried(ran: Ran, asked: Asked, try_: Try) -> None:
    assert try_(ran[1]).left["m"].why is Unconfirmed.NOTHING_DIFFERS
    assert asked == []


def test_another_version_is_installed_for_the_base(ran: Ran, asked: Asked, try_: Try) -> None:
    said = try_(under(ran[1], "1.31.0"), under(ran[1], "1.32.0"))
    (pair,) = asked
    assert said.left == {}
    assert (pair.name, pair.base.session.runtime, pair.head.session.runtime) == (
        "m",
        "onnxruntime==1.31.0",
        "current",
    )
    assert pair.base.artifact == pair.head.artifact


def test_the_version_that_head_ran_is_installed_where_it_is_another_one_now(
    ran: Ran, asked: Asked, try_: Try
) -> None:
    try_(under(ran[1], "1.31.0"), under(ran[1], "1.32.0"), version=lambda distribution: "1.33.0")
    (pair,) = asked
    assert (pair.base.session.runtime, pair.head.session.runtime) == (
        "onnxruntime==1.31.0",
        "onnxruntime==1.32.0",
    )
    assert pair.head.key == "m"


@pytest.mark.parametrize(
    ("base", "head"),
    [
        ({"requirement": "/w/o.whl", "sha256": "a"}, {"requirement": "/w/o.whl", "sha256": "b"}),
        ({"build": "git-commit-id=a"}, {"build": "git-commit-id=b"}),
    ],
)
def test_a_runtime_that_was_rebuilt_cannot_be_had_again(
    ran: Ran, asked: Asked, base: dict[str, str], head: dict[str, str], try_: Try
) -> None:
    then, now = under(ran[1], "1.32.0", **base), under(ran[1], "1.32.0", **head)
    assert try_(then, now).left == gone("m", f"the runtime of run {then.run} is no longer there")
    assert asked == []


def test_a_wheel_that_was_made_anew_is_not_taken_for_the_old_one(
    ran: Ran, asked: Asked, tmp_path: Path, try_: Try
) -> None:
    wheel = tmp_path / "onnxruntime-1.31.0-py3-none-any.whl"
    wheel.write_bytes(b"")
    base = under(ran[1], "1.31.0", str(wheel), "old")
    said = try_(base, under(ran[1], "1.32.0"))
    assert said.left == gone("m", f"the runtime of run {base.run} is no longer there")
    assert try_(under(ran[1], "1.31.0", str(wheel), "new"), under(ran[1], "1.32.0")).left == {}
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("arm", "what"), [("base", "runtime"), ("head", "runtime"), ("head", "model file"), ("none", "")]
)
def test_an_a_b_of_something_else_than_was_measured_decides_nothing(
    ran: Ran, tmp_path: Path, arm: str, what: str, try_: Try
) -> None:
    stored = {"base": under(ran[1], "1.31.0"), "head": under(ran[1], "1.32.0")}
    seen = dict(stored)
    if what == "runtime":
        seen[arm] = under(ran[1], "1.30.0")
    elif what:
        seen[arm] = replace(stored[arm], artifact={**stored[arm].artifact, "sha256": "0" * 64})
    file = tmp_path / "trial.jsonl"
    file.write_text("".join(json.dumps({"record": record.to_json()}) + "\n" for record in seen.values()))
    decision = Decision(verdict=Change.REGRESSION, ratio=2.0)
    rows = (MetricComparison("m", "latency/p50", 1.0, 2.0, decision),)
    told = {"job": "j", "settings": ABSettings(), "base": {}, "head": {}, "control": None}
    found = ABResult(**told, comparisons=rows, file=str(file))
    said = try_(stored["base"], stored["head"], run_ab=lambda *_, **__: found)
    if not what:
        assert (said.left, said.decisions) == ({}, {("m", "latency/p50"): decision})
        return
    assert said.left == gone("m", f"the {what} of run {stored[arm].run} is no longer there")
    assert said.decisions == {}


def test_the_same_wheel_is_taken_that_was_measured(ran: Ran, asked: Asked, try_: Try) -> None:
    base = under(ran[1], "1.33.0", "/wheels/onnxruntime-1.33.0-cp311-cp311-linux_x86_64.whl")
    said = try_(base, under(ran[1], "1.32.0"))
    assert "there is no such file" in said.left["m"].text
    assert asked == []


def test_a_runtime_that_cannot_be_had_is_said(ran: Ran, try_: Try) -> None:
    def refuse(requirement: Any, cache_dir: Path) -> None:
        raise Unsupported("no wheel of it")

    base = under(ran[1], "1.31.0")
    said = try_(base, under(ran[1], "1.32.0"), ensure=refuse)
    assert said.left == gone("m", f"the runtime of run {base.run} cannot be had: no wheel of it")


def test_a_runtime_that_moves_is_what_it_was_in_each_run(
    ran: Ran, asked: Asked, suite: Suite, try_: Try
) -> None:
    moving = plan(suite(measure={"accuracy": False}, axes={"runtime": "latest"}))
    base, head = (
        replace(under(ran[1], version, f"onnxruntime=={version}"), case="m/runtime=latest")
        for version in ("1.31.0", "1.32.0")
    )
    try_(base, head, moving)
    (pair,) = asked
    assert (pair.base.session.runtime, pair.head.session.runtime) == (
        "onnxruntime==1.31.0",
        "onnxruntime==1.32.0",
    )
    assert pair.base.key == pair.head.key == "m/runtime=latest"


def test_the_model_file_of_the_base_is_taken_from_the_cache(
    ran: Ran, asked: Asked, suite: Suite, harness: Call, try_: Try
) -> None:
    path = suite({"call_ns": [1_500]}, measure={"accuracy": False})
    harness("run", path)
    (run,) = (info.run for info in store.runs(Path("results")) if info.run != ran[1].run)
    (head,) = store.records(Path("results"), run)
    assert try_(ran[1], head, plan(path)).left == {}
    (pair,) = asked
    assert pair.base.artifact != pair.head.artifact
    assert pair.base.session == pair.head.session
    Path(ran[1].artifact["path"]).chmod(0o600)
    Path(ran[1].artifact["path"]).unlink()
    lost = f"the model file of run {ran[1].run} is no longer in the cache"
    assert try_(ran[1], head, plan(path)).left == gone("m", lost)


def test_a_case_that_the_suite_has_lost_is_said(ran: Ran, try_: Try) -> None:
    lost = replace(ran[1], case="m/batch=7")
    assert try_(lost, lost).left == gone("m/batch=7", "the suite does not have this case any more")


def test_what_the_budget_does_not_pay_is_said(ran: Ran, asked: Asked, try_: Try) -> None:
    base, head = under(ran[1], "1.31.0"), under(ran[1], "1.32.0")
    settings = ABSettings(budget_s=10.0)
    assert try_(base, head, settings=settings, budget_s=15.0).left == {
        "m": Untried(Unconfirmed.BUDGET, "the 15 s for A/Bs do not pay for this case too")
    }
    assert asked == []
    assert try_(base, head, settings=settings, budget_s=20.0).left == {}


@pytest.mark.parametrize(("budget_s", "most_s"), [(100.0, 50.0), (600.0, 120.0), (20.0, None)])
def test_a_suspect_may_take_what_the_others_leave(
    ran: Ran, try_: Try, budget_s: float, most_s: float | None
) -> None:
    given: list[ABSettings] = []

    def run_ab(pairing: Pairing, suite: object, settings: ABSettings, *_: Any, **__: Any) -> ABResult:
        given.append(settings)
        return ABResult(job="j", settings=settings, base={}, head={}, comparisons=(), control=None)

    try_(under(ran[1], "1.31.0"), budget_s=budget_s, run_ab=run_ab)
    assert [settings.most_s for settings in given] == [most_s]
