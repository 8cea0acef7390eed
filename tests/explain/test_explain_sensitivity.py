"""Which nodes cost accuracy: found by halving, on scores that are made up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from models import DIGITS_CNN

from harness import show
from harness.ab.model import Pair
from harness.core.artifact import Built
from harness.core.case import Artifact, Case, Load, Model, Named, Session, Source, freeze, thaw
from harness.core.decision import Change, Decision
from harness.core.errors import Failed, Unsupported
from harness.explain.excluding import explain_sensitivity, without
from harness.explain.model import Explanations, NodeGroup, SensitivityExplanation
from harness.explain.sensitivity import Search
from harness.explain.sensitivity_view import SensitivityDocument
from harness.judge.outputs import Outputs

NODES = tuple(f"n{number}" for number in range(16))


def search(costs: dict[str, float], total_db: float = 40.0, tries: int = 100) -> Search:
    """A model of which each node costs so many dB; without any of NODES there is nothing to convert."""

    def score(excluded: Iterable[str]) -> float | None:
        left = set(NODES) - set(excluded)
        return total_db - sum(costs.get(name, 0.0) for name in left) if left else None

    made = Search(NODES, score)
    made.until = lambda: made.evaluations >= tries
    return made


def test_the_nodes_that_cost_are_found_without_trying_each() -> None:
    found = search({"n3": 12.0, "n11": 5.0})
    assert found.run() == [NodeGroup(("n3",), 12.0), NodeGroup(("n11",), 5.0)]
    assert found.start_db == 23.0
    assert found.evaluations == 15  # one by one takes 17, and grows with the nodes, not with their logarithm


def test_the_fewest_that_reach_the_bound_are_the_best_of_them() -> None:
    found = search({"n3": 12.0, "n11": 5.0, "n12": 2.0})
    found.run()
    assert found.fewest(33.0) == (("n3",), 33.0)
    assert found.fewest(36.0) == (("n3", "n11"), 38.0)
    assert found.fewest(20.0) == ((), 21.0)  # as it is
    assert found.fewest(50.0) is None


def test_when_the_time_is_up_a_group_stays_together() -> None:
    found = search({"n3": 12.0}, tries=4)
    assert found.run() == [NodeGroup(("n0", "n1", "n2", "n3"), 12.0)]
    assert found.fewest(40.0) == (("n0", "n1", "n2", "n3"), 40.0)


def test_a_model_of_which_one_node_is_converted_at_all_has_that_one() -> None:
    def score(excluded: frozenset[str]) -> float | None:
        return None if "n5" in excluded else 10.0

    found = Search(NODES, score)
    (group,) = found.run()
    assert group.nodes == ("n5",)


def test_nothing_is_excluded_from_what_cannot_be_scored() -> None:
    assert Search(NODES, lambda excluded: None).run() == []


INT8 = Named("int8_static", "int8_static", freeze({"per_channel": True}))
HEAD = Case(Artifact(Model("digits", Source("onnx", ())), precision=INT8), Session(), Load())
PAIR = Pair("digits", replace(HEAD, artifact=replace(HEAD.artifact, precision=Named("fp32", "fp32"))), HEAD)


class Converted:
    """A bench whose converted model is wrong by 1, unless the convolution ``/2/Conv`` is left out."""

    def built(self, case: Case) -> Built:
        return Built(str(DIGITS_CNN), "", 0, 17, case.artifact.precision.kind[:4], {}, (), ())

    def evaluate(self, case: Case) -> Outputs:
        excluded = thaw(case.artifact.precision.options).get("nodes_to_exclude", [])
        if len(excluded) == 10:
            raise Failed("nothing is left to convert")
        wrong = case.artifact.precision.kind != "fp32" and "/2/Conv" not in excluded
        return Outputs(("y",), (np.full((2, 4), 10.0 + wrong, np.float32),))


def test_the_node_of_a_real_graph_that_is_to_blame_is_to_be_excluded() -> None:
    found = explain_sensitivity(Converted(), PAIR, {}, {}, bound_db=30.0)  # type: ignore[arg-type]
    assert (found.start_db, found.exclude, found.notes) == (pytest.approx(20.0), ("/2/Conv",), ())
    assert found.to_json()["reached_db"] is None  # the same output: infinite


def test_what_is_left_out_is_an_option_of_the_precision_beside_its_others() -> None:
    changed = without(HEAD, frozenset({"b", "a"})).artifact.precision
    assert thaw(changed.options) == {"per_channel": True, "nodes_to_exclude": ["a", "b"]}
    assert changed.kind == "int8_static" and changed.name != INT8.name
    assert without(HEAD, frozenset()) is HEAD


def test_a_head_that_is_not_converted_is_refused() -> None:
    with pytest.raises(Unsupported, match="HEAD is not converted"):
        explain_sensitivity(Converted(), replace(PAIR, head=PAIR.base), {}, {})  # type: ignore[arg-type]


def test_a_page_prints_what_to_exclude_and_what_it_costs() -> None:
    cost = Decision(verdict=Change.REGRESSION, ratio=1.12, reason="+12.00%, shown to exceed 1.00%")
    found = SensitivityExplanation(
        case="digits", base={"precision": "fp32"}, head={"precision": "int8_static"}, start_db=20.0,
        bound_db=30.0, groups=(NodeGroup(("/2/Conv",), 12.5), NodeGroup(("a", "b"), 3.0)),
        exclude=("/2/Conv",), reached_db=32.5, evaluations=9, cost=cost,
    )  # fmt: skip
    assert (
        show.render(SensitivityDocument(Explanations((found,))), "table")
        == """\
digits: 1 node to exclude
BASE (precision=fp32) -> HEAD (precision=int8_static)
SQNR of HEAD's output 20.0 dB; 30.0 dB are asked for; 9 conversions tried

left out             wins
/2/Conv           12.5 dB
a .. b (2 nodes)   3.0 dB

To keep the accuracy
  nodes_to_exclude: ["/2/Conv"]
  SQNR with it: 32.5 dB
  in time: +12.00%, shown to exceed 1.00%"""
    )
