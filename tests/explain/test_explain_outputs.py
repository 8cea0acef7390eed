"""Where numbers part, end to end: two files of which one has a wrong weight in its middle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
from models import DIGITS_CNN
from onnx import numpy_helper

from harness import show
from harness.explain.model import (
    Explanations,
    OutputsExplanation,
    SharedTensor,
    Sight,
    Step,
    TensorError,
    TensorVerdict,
)
from harness.explain.outputs import NO_MEMORY, TensorSearch
from harness.explain.view import OutputsDocument
from harness.judge.closeness import Limits

Call = Callable[..., tuple[int, str, str]]


def test_the_layer_with_the_wrong_weight_is_named_in_the_graph_that_ran(
    harness: Call, tmp_path: Path
) -> None:
    model = onnx.load(DIGITS_CNN)
    (weight,) = [item for item in model.graph.initializer if item.name == "5.bias"]
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) + np.float32(5), "5.bias"))
    onnx.save(model, tmp_path / "wrong.onnx")
    code, out, _ = harness(
        "explain", DIGITS_CNN, tmp_path / "wrong.onnx", "--outputs", "--format", "json", "--samples", "2"
    )
    (found,) = json.loads(out)
    assert (code, found["first"], found["unseen"]) == (1, "/6/Relu_output_0", 0)
    verdicts = {item["tensor"]: item["verdict"] for item in found["tensors"]}
    assert verdicts["/4/MaxPool_output_0"] == "identical"
    (blamed,) = [item for item in found["tensors"] if item["tensor"] == found["first"]]
    assert blamed["head"]["ops"] == ["Conv"]  # one node of the blocked layout: shown as it ran
    assert blamed["head"]["inputs"] == ["/4/MaxPool_output_0"]
    assert found["notes"] == []


def test_a_page_blames_the_first_tensor_and_names_what_it_is_made_of() -> None:
    step = Step(("Transpose", "QLinearConv"), ("(t)", "conv"), ("xq",))
    found = OutputsExplanation(
        case="net", base={"graph_opt": "disable"}, head={"graph_opt": "all"}, limit_db=20.0, samples=8,
        data="random inputs", outputs=("y",), hidden=4, unseen=1,
        tensors=(
            TensorError(tensor="xq", verdict=TensorVerdict.IDENTICAL, values=8, max_abs_error=0.0),
            TensorError(
                tensor="y", verdict=TensorVerdict.BEYOND, reason="SQNR 2.2 dB; 20.0 dB are asked for",
                values=8, sqnr_db=2.2, max_abs_error=3.85, differing_ratio=0.5, head=step,
                base=Step(("Conv",), ("conv",), ("xq",)),
            ),
        ),
    )  # fmt: skip
    text = show.render(OutputsDocument(Explanations((found,), {"other": "it crashed"})), "table")
    assert (
        text
        == """\
net: 'y' is the first tensor beyond the tolerance
BASE (graph_opt=disable) -> HEAD (graph_opt=all)
2 tensors that both have, on 8 samples of random inputs; 20 dB are asked for

tensor  verdict      SQNR  largest error  differ  base  head
xq      identical       –              0   0.00%  –     –
y       beyond     2.2 dB           3.85  50.00%  Conv  Transpose+QLinearConv

First beyond the tolerance: y
  SQNR 2.2 dB; 20.0 dB are asked for
  head computes it by 2 nodes:
    Transpose (t)
    QLinearConv conv
  base computes it by 1 node:
    Conv conv
  from:
    xq: identical

Outputs of the model
  y: SQNR 2.2 dB (beyond the tolerance)

Notes
  4 tensors in one of the graphs alone: fused away in the other
  1 tensor not looked at: too large, or the time was up (--budget)

Not explained: 1 case
  it crashed
    other"""
    )


def test_an_option_of_the_other_question_is_refused(harness: Call, suite: Callable[..., Path]) -> None:
    code, _, err = harness("explain", suite(), "--head", "graph_opt=basic", "--samples", "2")
    assert (code, err.splitlines()[-1]) == (2, "error: --samples is for --outputs")


def test_what_was_not_compared_is_no_green_light() -> None:
    gone = TensorError(tensor="y", verdict=TensorVerdict.UNCOMPARED, reason="base does not show it")
    right = TensorError(tensor="a", verdict=TensorVerdict.WITHIN, sqnr_db=99.0)
    facts = {"case": "net", "base": {}, "head": {}, "limit_db": 80.0, "samples": 1, "data": "data"}
    nothing = OutputsExplanation(**facts, tensors=(gone,), outputs=("y",))
    part = OutputsExplanation(**facts, tensors=(right, gone), outputs=("y",))
    assert (nothing.whole, part.whole) == (False, False)
    assert OutputsExplanation(**facts, tensors=(right,), outputs=("a",)).whole
    titles = [OutputsDocument(Explanations((item,))).page().title for item in (nothing, part)]
    assert titles == [
        "net: no tensor could be compared",
        "net: no tensor is beyond the tolerance; 1 were not compared",
    ]


def test_weights_in_a_file_of_their_own_are_found_by_the_graph_that_ran(
    harness: Call, tmp_path: Path
) -> None:
    model = onnx.load(DIGITS_CNN)
    onnx.save(model, tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    code, out, _ = harness(
        "explain", tmp_path / "net.onnx", "--outputs", "--head", "graph_opt=disable", "--format", "json",
        "--samples", "1",
    )  # fmt: skip
    (found,) = json.loads(out)
    assert (code, found["first"], found["whole"], len(found["tensors"])) == (0, None, True, 8)


def test_outputs_of_the_model_are_compared_though_the_time_was_up() -> None:
    def arm(value: float) -> Any:
        values = SimpleNamespace(names=("y", "hidden"), values=(np.full(4, value), np.ones(4)))
        case = SimpleNamespace(load=SimpleNamespace(batch=1))
        return SimpleNamespace(plain=SimpleNamespace(values=values, unsteady=frozenset()), case=case)

    blocked = SharedTensor("hidden", Sight("hidden", "hidden_nchwc"), Sight("hidden", "hidden_nchwc"))
    shared = [SharedTensor(name, Sight(name, name), Sight(name, name)) for name in "ay"]
    look = TensorSearch((arm(1.0), arm(2.0)), [*shared, blocked], Limits(sqnr_db=80.0), {}, 1, 1 << 20)
    (found,) = look.run(until=lambda: True)
    assert (found.tensor, found.verdict) == ("y", TensorVerdict.BEYOND)


class Short:
    """An arm whose memory holds one tensor at a time, and of `large` ones none."""

    def __init__(self, large: str) -> None:
        values = SimpleNamespace(names=(), values=())
        self.plain = SimpleNamespace(values=values, unsteady=frozenset())
        self.case = SimpleNamespace(load=SimpleNamespace(batch=1))
        self.large = large

    def look(self, wanted: list[Sight]) -> tuple[dict[str, Any], frozenset[str]]:
        if len(wanted) > 1 or wanted[0].name == self.large:
            raise MemoryError
        return {wanted[0].tensor: np.ones(4)}, frozenset()


def test_a_tensor_that_memory_does_not_hold_has_its_reason_and_the_others_are_compared() -> None:
    shared = [SharedTensor(name, Sight(name, name), Sight(name, name)) for name in "abc"]
    arms: Any = (Short(large="b"), Short(large="b"))
    found = TensorSearch(arms, shared, Limits(sqnr_db=80.0), {}, 1, 1 << 20).run(until=lambda: False)
    assert [(item.tensor, item.verdict, item.reason) for item in found] == [
        ("a", TensorVerdict.IDENTICAL, ""),
        ("b", TensorVerdict.UNCOMPARED, NO_MEMORY),
        ("c", TensorVerdict.IDENTICAL, ""),
    ]


def test_a_tensor_too_large_for_a_stage_is_named_with_what_to_do() -> None:
    shared = [SharedTensor(name, Sight(name, name), Sight(name, name)) for name in "ab"]
    arms: Any = (Short(large=""), Short(large=""))
    look = TensorSearch(arms, shared, Limits(sqnr_db=80.0), {"a": 4, "b": 1 << 20}, 8, 1 << 20)
    assert [item.tensor for item in look.run(until=lambda: False)] == ["a"]
    assert list(look.notes()) == [
        "larger than 1 MiB in all samples, not looked at (fewer --samples take less): b"
    ]
