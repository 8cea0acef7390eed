"""Where time goes, end to end: a file with more work at one place, cut there and put through the A/B."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from make import open_repeating_arms
from models import make_model, value
from onnx import helper

from harness import show
from harness.ab.arms import pair_cases
from harness.ab.model import ABResult, ABSettings, Control
from harness.core.decision import Change, Decision, MetricComparison
from harness.core.suite import Suite
from harness.explain.job import FEW, ProofSettings, times
from harness.explain.model import (
    Evidence,
    Explanations,
    Piece,
    Proof,
    Region,
    RegionChange,
    TimeExplanation,
)
from harness.explain.proof import proof_of, undecided
from harness.explain.time_view import TimesDocument
from harness.measure import Request
from harness.plan import plan_model
from harness.run.bench import Bench

SIZE = 50_000


def write(path: Path, extra: int) -> Path:
    """``y = tanh(relu(-x))``, with `extra` further negations before the rectifier."""
    names = ["a", *(f"n{number}" for number in range(extra))]
    nodes = [helper.make_node("Neg", ["x"], ["a"])]
    nodes += [helper.make_node("Abs", [names[at]], [names[at + 1]]) for at in range(extra)]
    nodes += [helper.make_node("Relu", [names[-1]], ["b"]), helper.make_node("Tanh", ["b"], ["y"])]
    shape = [1, SIZE]
    onnx.save(make_model(nodes, [value("x", shape)], [value("y", shape)]), path)
    return path


def open_brief(suite: Suite, cache: Path, work: Path, machine: dict[str, Any]) -> Bench:
    """Open a bench that counts at once: a tenth more for every node that HEAD has more."""
    bench = open_repeating_arms(replace(suite, sampling=FEW), cache, work, machine)
    bench.count = lambda groups, folder: [[counted(request) for request in each] for each in groups]
    return bench


def counted(request: Request) -> dict[str, Any]:
    value = 1000 + 100 * len(onnx.load(request.path).graph.node)
    return {"how": "callgrind", "calls": 1, "threads": 1, "counts": {"call": [value], "session": []}}


def test_the_region_with_more_work_is_cut_out_of_both_graphs_and_proven(tmp_path: Path) -> None:
    plans = [plan_model(write(tmp_path / f"{name}.onnx", extra)) for name, extra in (("old", 0), ("new", 20))]
    suite = replace(plans[0].suite, models=(*plans[0].suite.models, *plans[1].suite.models))
    found = times(
        pair_cases(*plans, {"model"}),
        suite,
        tmp_path / "results",
        tmp_path / "cache",
        ProofSettings(regions=1, budget_s=0.5),
        rounds=1,
        opening=open_brief,
        counts=lambda: True,
    )
    assert found.missing == {}
    (one,) = found.found
    assert {region.name for region in one.regions} == {"a", "b", "y"}
    worst = one.regions[0]
    assert (worst.name, worst.change, worst.base.ops) == ("b", RegionChange.FUSION_LOST, ("Relu",))
    assert worst.head.ops == ("Abs",) * 20 + ("Relu",)
    assert worst.proof is not None
    assert worst.proof.reason == ""
    assert worst.proof.latency is not None
    assert worst.proof.latency.verdict is Change.INCONCLUSIVE  # so that it is counted
    assert (worst.proof.base_instructions, worst.proof.head_instructions) == (1100.0, 3100.0)
    assert (worst.proof.evidence, one.blamed) == (Evidence.INSTRUCTIONS, (worst,))
    total = sum(region.change_s or 0.0 for region in one.regions) + one.unexplained_s
    assert total == pytest.approx(one.head_p50_s - one.base_p50_s)


def test_a_page_adds_up_and_names_what_is_shown() -> None:
    decision = Decision(
        verdict=Change.REGRESSION, ratio=3.12, p=0.001, reason="+212.00%, shown to exceed 1.00%"
    )
    conv, lrn = Piece(("Conv",), ("c",), ("x",), ("a",)), Piece(("LRN",), ("l",), ("a",), ("y",))
    regions = (
        Region(
            name="y", ends=("y",), base=lrn, head=lrn, change=RegionChange.NONE, base_s=10e-6, head_s=30e-6,
            proof=Proof(latency=decision, base_instructions=1000.0, head_instructions=3000.0),
        ),
        Region(
            name="a", ends=("a",), base=conv, head=conv, change=RegionChange.NONE, base_s=50e-6, head_s=51e-6
        ),
    )  # fmt: skip
    found = TimeExplanation(
        case="net", base={"runtime": "a"}, head={"runtime": "b"}, base_p50_s=100e-6, head_p50_s=123e-6,
        regions=regions, notes=("head: something",),
    )  # fmt: skip
    document = TimesDocument(Explanations((found,)))
    assert (
        show.render(document, "table")
        == """\
net: LRN -> y +212.00% (p = 0.001)
BASE (runtime=a) -> HEAD (runtime=b)
p50 100 µs -> 123 µs (+23.00%); 2 regions between tensors that both graphs have

region ends at  change   base   head     alone  instructions  base runs  head runs
y               +20 µs  10 µs  30 µs  +212.00%      +200.00%  LRN        LRN
a                +1 µs  50 µs  51 µs         –             –  Conv       Conv
unexplained      +2 µs      –      –         –             –  –          –
p50 of a call   +23 µs      –      –         –             –  –          –

Cut out and put through the A/B: 1 region
  LRN -> y: regression, +212.00%, shown to exceed 1.00%; instructions 1 k -> 3 k (+200.00%)

Everything else
  all other regions: +1 µs a call, as profiled, which proves nothing

Notes
  head: something"""
    )
    assert sum(row["change_s"] for row in document.rows()) == pytest.approx(23e-6)
    assert found.slower
    untrusted = replace(found, trusted=False)
    alone = replace(found, regions=tuple(replace(region, proof=None) for region in regions))
    assert (found.proven, untrusted.proven, alone.proven) == (True, True, False)  # counts need no control
    assert TimesDocument(Explanations((alone,))).page().title == "net: nothing is proven"


def test_an_interruption_ends_the_job_and_names_the_case(tmp_path: Path) -> None:
    plans = [plan_model(write(tmp_path / f"{name}.onnx", 0)) for name in ("old", "new")]
    found = times(
        pair_cases(*plans, {"model"}), plans[0].suite, tmp_path, tmp_path,
        opening=lambda *_: Interrupted(),  # type: ignore[arg-type, return-value]
    )  # fmt: skip
    assert (found.found, found.missing, found.interrupted) == ((), {"old->new": "interrupted"}, True)


class Interrupted:
    """A bench that Ctrl-C meets at its first question."""

    def built(self, case: Any) -> None:
        raise KeyboardInterrupt


def test_what_time_leaves_open_is_counted() -> None:
    verdicts = dict(zip("abc", (Change.REGRESSION, Change.INCONCLUSIVE, Change.EQUIVALENT), strict=True))
    proofs = {name: Proof(latency=Decision(verdict=verdict, reason="")) for name, verdict in verdicts.items()}
    proofs["d"] = Proof(reason="cannot be cut out")
    assert undecided(proofs) == ["b"]


@pytest.mark.parametrize("verdict", list(Change))
def test_where_the_control_fired_instructions_alone_name_a_region(verdict: Change) -> None:
    decision = Decision(verdict=verdict, ratio=1.5, reason="as measured")
    rows = (MetricComparison("y", "latency/p50", 1.0, 1.5, decision),)
    control = Control("y", True, {}, "it differs from itself")
    result = ABResult(job="j", settings=ABSettings(), base={}, head={}, comparisons=rows, control=control)
    doubted = proof_of(result, "y")
    assert doubted.latency is not None
    assert doubted.latency.reason.startswith("its time shows nothing")
    assert (doubted.evidence, undecided({"y": doubted})) == (None, ["y"])
    counted = replace(doubted, base_instructions=100.0, head_instructions=150.0)
    assert (counted.evidence, counted.slower) == (Evidence.INSTRUCTIONS, True)
    believed = proof_of(replace(result, control=replace(control, fired=False)), "y")
    assert believed.latency == decision
