"""How often `harness explain` names the right region, a wrong one, or one where nothing differs.

Causes are injected into a network of named blocks, one at a time: a rectifier computed by slower operators
that come to the same, a fusion prevented, a constant that makes a convolution larger and changes no value,
and a convolution that another kernel computes, in another layout. The last stands for a change of provider:
the second one of ONNX Runtime's CPU build (Azure) computes nothing itself, and OpenVINO's build runs all of
such a network as one node.

Promise: the right region in 95% of 40 causes or more, a wrong one in 1% at most; nothing in 40 of 40 A/A.

    python benchmarks/explain_rates.py --causes 42 --same 40 [--log FILE]   # goes on behind what FILE has
    python benchmarks/explain_rates.py --report [--log FILE]
    python benchmarks/explain_rates.py --causes 2 --same 1 --regions 1 --budget 8   # to see that it works
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
import onnx
from error_report import share
from onnx import TensorProto, helper, numpy_helper

from harness.ab.arms import pair_cases
from harness.explain.job import ProofSettings, times
from harness.explain.model import TimeExplanation
from harness.explain.proof import MOST
from harness.plan import plan_model

BLOCKS = 14
SAME = "same"
WIDTH, SIZE = 32, 28


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one job came to."""

    number: int  # of the job
    regions: int  # that were proven at most
    budget_s: float
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


def other_kernel(model: onnx.ModelProto, at: int) -> None:
    """Convolve in three dimensions, the first of them 1: no kernel of the blocked layout takes that."""
    (weight,) = (item for item in model.graph.initializer if item.name == f"w{at}")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight)[:, :, None], f"w{at}"))
    model.graph.initializer.append(numpy_helper.from_array(np.array([2]), f"axis{at}"))
    source = f"r{at - 1}" if at else "x"
    nodes = [
        helper.make_node("Unsqueeze", [source, f"axis{at}"], [f"deep{at}"], f"unsqueeze{at}"),
        helper.make_node(
            "Conv", [f"deep{at}", f"w{at}"], [f"wide{at}"], f"conv{at}", pads=[0, 1, 1, 0, 1, 1]
        ),
        helper.make_node("Squeeze", [f"wide{at}", f"axis{at}"], [f"c{at}"], f"squeeze{at}"),
    ]
    _instead(model, f"conv{at}", nodes)


Inject = Callable[[onnx.ModelProto, int], None]
CAUSES: tuple[Inject, ...] = (slower_operators, no_fusion, larger_constant, other_kernel)


def jobs(causes: int, same: int) -> Iterator[tuple[int, str, int, Inject | None]]:
    """Give the number of each job, what it injects, and where; causes and none take turns."""
    for number in range(max(causes, same)):
        if number < causes:
            turn, kind = divmod(number, len(CAUSES))
            yield 2 * number, CAUSES[kind].__name__, (turn + 3 * kind) % BLOCKS, CAUSES[kind]
        if number < same:
            yield 2 * number + 1, SAME, number % BLOCKS, None


def explain(
    number: int, kind: str, block: int, inject: Inject | None, folder: Path, settings: ProofSettings
) -> Outcome:
    """Run one job."""
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
        number=number,
        regions=settings.regions,
        budget_s=settings.budget_s,
        kind=kind,
        block=block,
        truth=f"r{block}" if inject else "",
        blamed=tuple(region.name for region in blamed),
        evidence=tuple(str(region.proof.evidence) for region in blamed if region.proof),
        seconds=round(time.monotonic() - begun, 1),
        missing="; ".join([*found.missing.values(), *_lost(found.found)]),
    )


def _lost(found: Sequence[TimeExplanation]) -> Iterator[str]:
    """Name what could not be proven."""
    for one in found:
        if not one.trusted:
            yield "the control fired"
        for region in one.regions:
            if region.proof and region.proof.latency is None:
                yield f"{region.name}: {region.proof.reason}"


def read(log: Path) -> list[Outcome]:
    """Return the outcomes of a log."""
    lines = log.read_text().splitlines() if log.exists() else []
    names = {field.name for field in fields(Outcome)}
    return [
        Outcome(**{key: value for key, value in json.loads(line).items() if key in names}) for line in lines
    ]


def report(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Give the table: counts of each kind, each with its exact interval at 95% (Clopper and Pearson)."""
    yield "| what differs | jobs | the right region, or none | a wrong one | s a job: median, most |"
    yield "|---|---|---|---|---|"
    kinds = dict.fromkeys(sorted((one.kind for one in outcomes), key=lambda kind: kind == SAME))
    groups = [(kind.replace("_", " "), [one for one in outcomes if one.kind == kind]) for kind in kinds]
    groups.insert(
        -1 if SAME in kinds else len(groups), ("all causes", [o for o in outcomes if o.kind != SAME])
    )
    for title, of in groups:
        right, wrong = sum(one.right for one in of), sum(one.wrong for one in of)
        seconds = [one.seconds for one in of] or [0.0]
        yield (
            f"| {title} | {len(of)} | {share(right, len(of))} | {share(wrong, len(of))} "
            f"| {np.median(seconds):.0f}, {max(seconds):.0f} |"
        )
    for one in outcomes:
        if not one.right or one.wrong:
            named = ", ".join(map(str, one.blamed)) or "none"
            yield f"- job {one.number}, {one.kind} at {one.truth or 'none'}: named {named}; {one.missing}"


def main() -> None:
    """Run the jobs that the log has not, or print what it has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--causes", type=int, default=42)
    parser.add_argument("--same", type=int, default=40)
    parser.add_argument("--regions", type=int, default=MOST)
    parser.add_argument("--budget", type=float, default=10.0, help="seconds of blocks a region")
    parser.add_argument("--log", type=Path, default=Path("explain-rates.jsonl"), help="an outcome a line")
    parser.add_argument("--report", action="store_true", help="print the table of the log, and run nothing")
    asked = parser.parse_args()
    outcomes = read(asked.log)
    done = {(one.number, one.kind) for one in outcomes}
    with tempfile.TemporaryDirectory() as place:
        for number, kind, block, inject in jobs(asked.causes, asked.same):
            if asked.report or (number, kind) in done:
                continue
            settings = ProofSettings(regions=asked.regions, budget_s=asked.budget, seed=number)
            outcome = explain(number, kind, block, inject, Path(place) / str(number), settings)
            outcomes.append(outcome)
            line = json.dumps({**asdict(outcome), "right": outcome.right, "wrong": outcome.wrong})
            print(line, flush=True)
            with asked.log.open("a") as file:
                file.write(line + "\n")
    print("\n".join(report(outcomes)))


if __name__ == "__main__":
    main()
