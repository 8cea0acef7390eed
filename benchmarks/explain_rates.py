"""How often `harness explain` names the right region, a wrong one, or one where nothing differs.

Causes are injected into a network of named blocks, one at a time: a rectifier computed by slower operators
that come to the same, a fusion prevented, a constant that makes a convolution larger and changes no value.
A change of provider takes a machine with two, and is not among them.

Promise: the right region in 95% of 40 causes or more, a wrong one in 1% at most; nothing in 40 of 40 A/A.

    python benchmarks/explain_rates.py --causes 42 --same 40
    python benchmarks/explain_rates.py --causes 2 --same 1 --regions 1 --budget 8   # to see that it works
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from harness.ab.arms import pair_cases
from harness.explain.job import ProofSettings, times
from harness.plan import plan_model

BLOCKS = 14
WIDTH, SIZE = 32, 28


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one job came to."""

    kind: str  # "same", or what was injected
    block: int
    truth: str  # the tensor that ends the region; empty: nothing differs
    blamed: tuple[str, ...]
    evidence: tuple[str, ...]
    seconds: float
    missing: str = ""

    @property
    def right(self) -> bool:
        """Whether the region that differs is named, or none where none does."""
        return self.truth in self.blamed if self.truth else not self.blamed

    @property
    def wrong(self) -> bool:
        """Whether a region is named and the right one is not."""
        return bool(self.blamed) and self.truth not in self.blamed


def network() -> onnx.ModelProto:
    """A chain of convolutions, each with its rectifier ``r0``, ``r1`` ..."""
    rng = np.random.default_rng(0)
    nodes, weights, last = [], [], "x"
    for at in range(BLOCKS):
        scale = (2 / (9 * WIDTH)) ** 0.5
        values = (rng.standard_normal((WIDTH, WIDTH, 3, 3)) * scale).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"w{at}"))
        conv = helper.make_node("Conv", [last, f"w{at}"], [f"c{at}"], f"conv{at}", pads=[1, 1, 1, 1])
        nodes += [conv, helper.make_node("Relu", [f"c{at}"], [f"r{at}"], f"relu{at}")]
        last = f"r{at}"
    shape = [1, WIDTH, SIZE, SIZE]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", last))
    graph = helper.make_graph(nodes, "chain", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _instead(model: onnx.ModelProto, name: str, nodes: list[onnx.NodeProto]) -> None:
    """Put nodes in the place of the one that is called `name`."""
    graph = model.graph
    found = list(graph.node)
    at = next(number for number, node in enumerate(found) if node.name == name)
    del graph.node[:]
    graph.node.extend([*found[:at], *nodes, *found[at + 1 :]])


def slower_operators(model: onnx.ModelProto, at: int) -> None:
    """Rectify by ``(c + |c|) / 2``."""
    model.graph.initializer.append(numpy_helper.from_array(np.float32(0.5), f"half{at}"))
    nodes = [
        helper.make_node("Abs", [f"c{at}"], [f"abs{at}"], f"abs{at}"),
        helper.make_node("Add", [f"c{at}", f"abs{at}"], [f"sum{at}"], f"sum{at}"),
        helper.make_node("Mul", [f"sum{at}", f"half{at}"], [f"r{at}"], f"mul{at}"),
    ]
    _instead(model, f"relu{at}", nodes)


def no_fusion(model: onnx.ModelProto, at: int) -> None:
    """Rectify by an operator that no convolution takes up."""
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, 1, 1), np.float32), f"zero{at}"))
    _instead(model, f"relu{at}", [helper.make_node("PRelu", [f"c{at}", f"zero{at}"], [f"r{at}"], f"p{at}")])


def larger_constant(model: onnx.ModelProto, at: int) -> None:
    """Frame a kernel of 3 × 3 with zeros."""
    (weight,) = (item for item in model.graph.initializer if item.name == f"w{at}")
    values = np.pad(numpy_helper.to_array(weight), ((0, 0), (0, 0), (1, 1), (1, 1)))
    weight.CopyFrom(numpy_helper.from_array(values, f"w{at}"))
    source = f"r{at - 1}" if at else "x"
    conv = helper.make_node("Conv", [source, f"w{at}"], [f"c{at}"], f"conv{at}", pads=[2, 2, 2, 2])
    _instead(model, f"conv{at}", [conv])


CAUSES: tuple[Callable[[onnx.ModelProto, int], None], ...] = (slower_operators, no_fusion, larger_constant)


def jobs(causes: int, same: int) -> Iterator[tuple[str, int, Callable[[onnx.ModelProto, int], None] | None]]:
    for number in range(causes):
        inject = CAUSES[number % len(CAUSES)]
        yield inject.__name__, number // len(CAUSES) % BLOCKS, inject
    for number in range(same):
        yield "same", number, None


def explain(
    kind: str,
    block: int,
    inject: Callable[[onnx.ModelProto, int], None] | None,
    folder: Path,
    settings: ProofSettings,
) -> Outcome:
    base, head = network(), network()
    if inject is not None:
        inject(head, block)
    folder.mkdir()
    for name, model in (("old", base), ("new", head)):
        onnx.save(model, folder / f"{name}.onnx")
    plans = [plan_model(folder / f"{name}.onnx", {"intra_threads": [1]}) for name in ("old", "new")]
    suite = replace(plans[0].suite, models=(*plans[0].suite.models, *plans[1].suite.models))
    begun = time.monotonic()
    cache = folder.parent / "cache"
    found = times(pair_cases(*plans, {"model"}), suite, folder / "results", cache, settings)
    blamed = [region for one in found.found for region in one.blamed]
    return Outcome(
        kind=kind,
        block=block,
        truth=f"r{block}" if inject else "",
        blamed=tuple(region.name for region in blamed),
        evidence=tuple(str(region.proof.evidence) for region in blamed if region.proof),
        seconds=round(time.monotonic() - begun, 1),
        missing="; ".join(found.missing.values()),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--causes", type=int, default=3 * BLOCKS)
    parser.add_argument("--same", type=int, default=40)
    parser.add_argument("--regions", type=int, default=3)
    parser.add_argument("--budget", type=float, default=10.0)
    parser.add_argument("--out", type=Path, help="keep an outcome a line")
    asked = parser.parse_args()
    outcomes = []
    with tempfile.TemporaryDirectory() as place:
        for number, (kind, block, inject) in enumerate(jobs(asked.causes, asked.same)):
            settings = ProofSettings(regions=asked.regions, budget_s=asked.budget, seed=number)
            outcome = explain(kind, block, inject, Path(place) / str(number), settings)
            outcomes.append(outcome)
            line = json.dumps({**asdict(outcome), "right": outcome.right, "wrong": outcome.wrong})
            print(line, flush=True)
            if asked.out:
                with asked.out.open("a") as file:
                    file.write(line + "\n")
    for kind, count in Counter(outcome.kind for outcome in outcomes).items():
        of = [outcome for outcome in outcomes if outcome.kind == kind]
        right, wrong = sum(item.right for item in of), sum(item.wrong for item in of)
        seconds = np.median([item.seconds for item in of])
        print(f"{kind}: right {right} of {count}, wrong {wrong}, {seconds:.0f} s each")


if __name__ == "__main__":
    main()
