"""What slowdowns that an A/B has shown are due to: which are explained, what is kept, how it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.ab.model import ABResult, ABSettings, Pair, Pairing
from harness.compare import explained
from harness.compare.confirm import Confirmation, Means, _explain
from harness.core.case import Artifact, Case, Load, Model, Session, Source
from harness.core.decision import Blame, Change, Decision, MetricComparisons, RunComparison, RunSide
from harness.core.suite import Suite
from harness.explain.model import Explanations, Piece, Proof, Region, RegionChange, TimeExplanation
from harness.show.comparisons import blame_entries

SHOWN = Decision(verdict=Change.REGRESSION, ratio=3.12, p=0.001, reason="+212.00%, shown to exceed 1.00%")
LRN = Piece(("LRN",), ("n",), ("a",), ("y",))
REGION = Region(
    name="norm1", ends=("norm1",), base=LRN, head=LRN, change=RegionChange.NONE, base_s=1e-3, head_s=3e-3,
    proof=Proof(latency=SHOWN, base_instructions=100.0, head_instructions=300.0),
)  # fmt: skip
BLAME = Blame(
    case="alexnet", base_runtime="onnxruntime 1.20.1", head_runtime="onnxruntime 1.21.0", region="norm1",
    base_ops=("LRN",), head_ops=("LRN",), decision=SHOWN, instructions_ratio=3.0,
)  # fmt: skip


def pair(name: str, kind: str = "onnx") -> Pair:
    case = Case(Artifact(Model(name, Source(kind, ()))), Session(), Load())
    return Pair(name, case, case)


def explanation(case: str, *regions: Region) -> TimeExplanation:
    runtimes = {"runtime": "onnxruntime 1.20.1"}, {"runtime": "onnxruntime 1.21.0"}
    return TimeExplanation(
        case=case, base=runtimes[0], head=runtimes[1], base_p50_s=1.0, head_p50_s=2.0, regions=regions
    )


def test_pairs_with_slower_calls_are_explained_and_none_that_has_no_graph() -> None:
    same = Decision(verdict=Change.EQUIVALENT)
    pairs = [pair("slow"), pair("same"), pair("fake", "fake"), pair("larger")]
    decisions = {
        ("slow", "latency/p50"): SHOWN, ("same", "latency/p50"): same, ("fake", "latency/p50"): SHOWN,
        ("larger", "memory/peak"): SHOWN,
    }  # fmt: skip
    assert [item.name for item in explained.slower(pairs, decisions)] == ["slow"]


def test_a_blame_names_runtimes_operators_and_region() -> None:
    found = Explanations((explanation("alexnet", REGION), explanation("other")), {"third": "it crashed"})
    assert explained.blames(found) == (
        (BLAME,),
        {"third": "it crashed", "other": "no region of it is shown to be slower"},
    )


def test_a_summary_writes_runtimes_operators_region_and_proof() -> None:
    side = RunSide("r", "s", "t")
    contrast = RunComparison(
        base=side, head=side, compared=MetricComparisons(()), blames=(BLAME,), unexplained={"b": "no time"}
    )
    first, second = blame_entries([contrast])
    assert (first.text, first.lines) == (
        "alexnet",
        (
            "onnxruntime 1.20.1 -> onnxruntime 1.21.0: LRN, the region that ends at 'norm1'",
            "alone: +212.00%, shown to exceed 1.00%; instructions +200.00%",
        ),
    )
    assert (second.text, second.lines) == ("b", ("no time",))


@pytest.mark.parametrize(("left_s", "asked"), [(500.0, ["a", "b"]), (100.0, ["a"]), (89.0, []), (-3.0, [])])
def test_as_many_are_explained_as_the_time_pays_for_the_worst_first(left_s: float, asked: list[str]) -> None:
    seen: list[str] = []

    def explain(pairing: Pairing, *_: Any, **__: Any) -> Explanations[TimeExplanation]:
        seen.extend(item.name for item in pairing.pairs)
        return Explanations(tuple(explanation(item.name, REGION) for item in pairing.pairs))

    result = ABResult(job="j", settings=ABSettings(), base={}, head={}, comparisons=(), control=None)
    made = _explain(
        Confirmation({}, {}, result), [pair("a"), pair("b")], Suite("s", "", ()), Path("results"),
        Path("cache"),
        left_s, None, Means(explain=explain),
    )  # fmt: skip
    assert seen == asked
    assert [blame.case for blame in made.blames] == asked
    assert made.unexplained == {name: explained.NO_TIME for name in ("a", "b") if name not in asked}
