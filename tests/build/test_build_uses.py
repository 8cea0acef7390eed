"""Random feeds fit their use: every kind of use is run by ONNX Runtime, at several batches and sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from models import make_model
from onnx import TensorProto, helper, numpy_helper

from harness.build.reading import read_onnx
from harness.core.feeds import Rows, bind_dimensions, cut, random_rows, sized, with_overrides
from harness.core.inputs import Input

Node = helper.make_node
F32, I32, I64, BOOL = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL


def value(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def whole(name: str, content: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(content, np.int64), name)


def real(name: str, content: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(content, np.float32), name)


TABLE = real("table", np.ones((50, 8)))
LOOKUP = Node("Gather", ["table", "at"], ["y"])


@dataclass(frozen=True)
class Kind:
    """One way to use an input, and what its feed must be beside running."""

    nodes: tuple[Any, ...]
    inputs: tuple[Any, ...]
    weights: tuple[Any, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    holds: Callable[[Rows], Any] = lambda feed: True
    out: int = F32

    def inputs_of(self, path: Path) -> tuple[Input, ...]:
        model = make_model(list(self.nodes), list(self.inputs), [value("y", self.out)], self.weights)
        model.graph.output[0].type.tensor_type.ClearField("shape")
        onnx.save(model, path)
        return read_onnx(path).inputs


def scores(
    mask: onnx.ValueInfoProto, *nodes: Any
) -> tuple[tuple[Any, ...], tuple[Any, ...], tuple[Any, ...]]:
    """A Softmax over the products of tokens, in which `nodes` make "masked" of "products" and a mask."""
    before = (Node("Transpose", ["x"], ["t"], perm=[0, 2, 1]), Node("MatMul", ["x", "t"], ["products"]))
    after = (Node("Softmax", ["masked"], ["p"], axis=-1), Node("MatMul", ["p", "x"], ["y"]))
    weights = (whole("axis", [1]), real("one", 1), real("low", -1e9), real("lowest", -np.inf))
    return (*before, *nodes, *after), (value("x", F32, "n", 4, 8), mask), weights


INVERTED = scores(
    value("keep", I64, "n", 4),
    Node("Cast", ["keep"], ["m"], to=F32),
    Node("Unsqueeze", ["m", "axis"], ["row"]),
    Node("Sub", ["one", "row"], ["hidden"]),
    Node("Mul", ["hidden", "low"], ["bias"]),
    Node("Add", ["products", "bias"], ["masked"]),
)
PADDING = scores(
    value("padding", BOOL, "n", 4),
    Node("Unsqueeze", ["padding", "axis"], ["row"]),
    Node("Where", ["row", "lowest", "products"], ["masked"]),
)
NEGATED = scores(
    value("visible", BOOL, "n", 4),
    Node("Unsqueeze", ["visible", "axis"], ["row"]),
    Node("Not", ["row"], ["hidden"]),
    Node("Where", ["hidden", "lowest", "products"], ["masked"]),
)
LSTM = (
    real("w", np.ones((1, 16, 3)) / 10),
    real("r", np.ones((1, 16, 4)) / 10),
    real("b", np.zeros((1, 32))),
)
SPEECH = (value("audio", F32, "n", 80, "t"), value("audio_len", I64, "n"))
BRANCHES = {
    "then_branch": helper.make_graph([Node("Gather", ["table", "i"], ["a"])], "a", [], [value("a", F32)]),
    "else_branch": helper.make_graph([Node("Gather", ["table", "i"], ["b"])], "b", [], [value("b", F32)]),
}
for branch in BRANCHES.values():
    branch.output[0].type.tensor_type.ClearField("shape")
IDS = (value("i", I64, "n", 3),)

KINDS = {
    "an index less one": Kind((Node("Sub", ["i", "c"], ["at"]), LOOKUP), IDS, (TABLE, whole("c", 1))),
    "an offset a field": Kind(
        (Node("Add", ["i", "c"], ["at"]), LOOKUP), IDS, (TABLE, whole("c", [0, 9, 30]))
    ),
    "a multiple": Kind((Node("Mul", ["i", "c"], ["at"]), LOOKUP), IDS, (TABLE, whole("c", 7))),
    "a remainder": Kind((Node("Mod", ["i", "c"], ["at"]), LOOKUP), IDS, (TABLE, whole("c", 50))),
    "a sum of two inputs": Kind(
        (Node("Add", ["i", "j"], ["at"]), LOOKUP), (*IDS, value("j", I64, "n", 3)), (TABLE,)
    ),
    "floats cast to indices": Kind(
        (Node("Cast", ["i"], ["at"], to=I64), LOOKUP), (value("i", F32, "n", 3),), (TABLE,)
    ),
    "coordinates put together": Kind(
        (
            Node("Unsqueeze", ["i", "c"], ["a"]),
            Node("Unsqueeze", ["j", "c"], ["b"]),
            Node("Concat", ["a", "b"], ["at"], axis=1),
            Node("GatherND", ["table", "at"], ["y"]),
        ),
        (value("i", I64, "n"), value("j", I64, "n")),
        (TABLE, whole("c", [1])),
    ),
    "places of a sequence": Kind(
        (Node("Gather", ["x", "i"], ["y"], axis=1),),
        (value("x", F32, "n", "seq", 8), value("i", I64, "k")),
        sizes={"seq": 9, "k": 40},
        holds=lambda feed: feed["i"].max() == 8,
    ),
    "places of the only step": Kind(
        (
            Node("Relu", ["x"], ["z"]),
            Node("Transpose", ["z"], ["u"], perm=[1, 0, 2]),
            Node("Gather", ["u", "i"], ["y"]),
        ),
        (value("x", F32, "n", 1, 8), value("i", I64, "k")),
        sizes={"k": 5},
    ),
    "places of the batch": Kind(
        (Node("Gather", ["x", "i"], ["y"]),),
        (value("x", F32, "n", 8), value("i", I64, "k")),
        sizes={"k": 5},
    ),
    "GatherElements": Kind(
        (Node("GatherElements", ["x", "i"], ["y"], axis=1),), (value("x", F32, "n", 6), *IDS)
    ),
    "GatherND of three axes": Kind(
        (Node("GatherND", ["x", "i"], ["y"]),), (value("x", F32, 2, 6, 5), value("i", I64, 2, 3))
    ),
    "ScatterND": Kind(
        (Node("ScatterND", ["x", "i", "u"], ["y"]),),
        (value("x", F32, 2, 6), value("i", I64, 2, 1), value("u", F32, 2, 6)),
    ),
    "ScatterElements": Kind(
        (Node("ScatterElements", ["x", "i", "u"], ["y"], axis=1),),
        (value("x", F32, "n", 6), *IDS, value("u", F32, "n", 3)),
    ),
    "OneHot": Kind(
        (Node("OneHot", ["i", "c", "v"], ["y"]),),
        IDS,
        (whole("c", [17]), whole("v", [0, 1])),
        holds=lambda feed: 2 < feed["i"].max() < 17,
        out=I64,
    ),
    "a whole slice": Kind(
        (Node("Slice", ["x", "from", "to", "c"], ["z"]), Node("ReduceMean", ["z"], ["y"], axes=[1])),
        (value("x", F32, "n", "long"), value("from", I64, 1), value("to", I64, 1)),
        (whole("c", [1]),),
        sizes={"long": 7},
        holds=lambda feed: (feed["from"][0], feed["to"][0]) == (0, 7),
    ),
    "the k of TopK": Kind(
        (Node("TopK", ["x", "k"], ["y", "z"]),), (value("x", F32, "n", 5), value("k", I64, 1))
    ),
    "repeats": Kind((Node("Tile", ["x", "k"], ["y"]),), (value("x", F32, "n", 5), value("k", I64, 2))),
    "lengths of an LSTM": Kind(
        (Node("LSTM", ["x", "w", "r", "b", "lens"], ["y", "h"], hidden_size=4),),
        (value("x", F32, "time", "n", 3), value("lens", I32, "n")),
        LSTM,
        sizes={"time": 6},
        holds=lambda feed: (feed["lens"] == 6).all(),
    ),
    "a length that a name tells": Kind(
        (
            Node("Cast", ["audio_len"], ["l"], to=F32),
            Node("ReduceMean", ["audio"], ["m"], axes=[1, 2], keepdims=0),
            Node("Div", ["m", "l"], ["y"]),
        ),
        SPEECH,
        sizes={"t": 33},
        holds=lambda feed: (feed["audio_len"] == 33).all(),
    ),
    "a mask that is inverted": Kind(*INVERTED, holds=lambda feed: (feed["keep"] == 1).all()),
    "padding": Kind(*PADDING, holds=lambda feed: not feed["padding"].any()),
    "a mask that is negated": Kind(*NEGATED, holds=lambda feed: feed["visible"].all()),
    "a mask of a picture": Kind(
        (Node("Mul", ["image", "mask"], ["y"]),),
        (value("image", F32, "n", 3, 4, 4), value("mask", F32, "n", 1, 4, 4)),
        holds=lambda feed: 0 <= feed["mask"].min() < feed["mask"].max() < 1,
    ),
    "positions named for a mask": Kind(
        (Node("Gather", ["table", "masked_positions"], ["y"]),),
        (value("masked_positions", I64, "n", 4),),
        (TABLE,),
        holds=lambda feed: feed["masked_positions"].max() > 1,
    ),
    "bytes, one-hot by a comparison": Kind(
        (
            Node("Unsqueeze", ["i", "last"], ["u"]),
            Node("Equal", ["u", "bytes"], ["e"]),
            Node("Cast", ["e"], ["y"], to=F32),
        ),
        IDS,
        (whole("last", [2]), whole("bytes", list(range(257)))),
        holds=lambda feed: 1 < feed["i"].max() < 257,
    ),
    "compared with a sentinel": Kind(
        (Node("Less", ["i", "end"], ["e"]), Node("Cast", ["e"], ["y"], to=F32)),
        IDS,
        (whole("end", 2**62),),
        holds=lambda feed: feed["i"].max() <= 1,
    ),
    "a picture of bytes": Kind(
        (Node("Cast", ["p"], ["y"], to=F32),),
        (value("p", TensorProto.UINT8, "n", 8, 8, 3),),
        holds=lambda feed: feed["p"].max() > 200,
    ),
    "places that nobody can follow": Kind(
        (
            Node("Cast", ["p"], ["c"], to=I64),
            Node("Mul", ["c", "c"], ["s"]),
            Node("Gather", ["table", "s"], ["y"]),
        ),
        (value("p", TensorProto.UINT8, "n", 8),),
        (TABLE,),
        holds=lambda feed: feed["p"].max() <= 1,
    ),
    "an index within a branch": Kind(
        (Node("If", ["f"], ["y"], **BRANCHES),),
        (*IDS, value("f", BOOL)),
        (TABLE,),
        holds=lambda feed: feed["i"].max() > 1,
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_random_feeds_fit_their_use(name: str, tmp_path: Path) -> None:
    kind, path = KINDS[name], tmp_path / "m.onnx"
    inputs = kind.inputs_of(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    dims = bind_dimensions(inputs, None, kind.sizes)
    for batch in (1, 8) if dims.driven else (dims.batch,):
        dims = bind_dimensions(inputs, batch, kind.sizes)
        for feed in cut(random_rows(inputs, 4 * batch, dims, 0), inputs, batch, dims):
            session.run(None, feed)
            assert kind.holds(feed), feed


def test_what_a_suite_says_of_an_input_takes_the_place_of_every_guess() -> None:
    guessed = Input("i", "int64", ("k",), within="seq")
    (said,) = with_overrides([guessed], {"i": {"low": 2, "high": 3}})
    assert sized(said, {"seq": 9}) == Input("i", "int64", ("k",), low=2, high=3)
    assert sized(guessed, {"seq": 9}) == Input("i", "int64", ("k",), low=0, high=9)
    assert sized(guessed, {}) == guessed, "a dimension that nothing sizes bounds nothing"
    counting = Input("lens", "int64", ("n",), counts="seq")
    (said,) = with_overrides([counting], {"lens": {"fill": 4}})
    assert sized(said, {"seq": 9}).fill == 4


def test_a_real_argument_beside_data_is_plausible_and_never_negative(tmp_path: Path) -> None:
    names = ("fmin", "f_max", "conf_threshold", "eps", "length_scale")
    kind = Kind(
        nodes=(Node("Sum", ["x", *names], ["y"]),),
        inputs=(
            value("x", F32, "N", 4),
            *(value(name, F32) for name in names[:-1]),
            value(names[-1], F32, 1),
        ),
    )
    assert [item.fill for item in kind.inputs_of(tmp_path / "m.onnx")] == [None, 50, 4000, 0.5, 1e-5, 1]


def test_one_number_alone_is_data(tmp_path: Path) -> None:
    kind = Kind(nodes=(Node("Neg", ["scale"], ["y"]),), inputs=(value("scale", F32, 1),))
    assert [item.fill for item in kind.inputs_of(tmp_path / "m.onnx")] == [None]
