"""Find where the time between two arms goes: both graphs profiled as they ran, region by region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.ab.model import Pair
from harness.core.case import Session
from harness.core.errors import CaseError
from harness.explain.arm import Arm
from harness.explain.model import Piece, Region, SharedTensor, TimeExplanation
from harness.explain.regions import FEW_SHARED, align, change_of, fused, node_names, pieces, span
from harness.explain.stages import infer
from harness.explain.tensors import share, sights
from harness.profile.job import calibrate
from harness.profile.model import Bias
from harness.profile.times import own_s
from harness.run.bench import Bench

ROUNDS = 2
"""Profiles of each arm, in turns: what disturbed one of them does not count."""

Point = Mapping[str, str]
Part = Mapping[str, Any]


class Timing:
    """Both arms of a pair, opened and profiled; what a proof needs of them is kept."""

    def __init__(
        self, bench: Bench, pair: Pair, base: Point, head: Point, folder: Path, rounds: int = ROUNDS
    ) -> None:
        self.rounds = rounds
        self.bench = bench
        self.pair = pair
        self.points = base, head
        self.arms = (
            Arm(bench, pair.base, folder / "base", pair.base.load.batch),
            Arm(bench, pair.head, folder / "head", pair.head.load.batch),
        )
        self.notes: list[str] = []
        self.fusing = [frozenset[str](), frozenset[str]()]  # providers that run several nodes as one, by arm
        self.dims: list[dict[str, list[int]]] = [{}, {}]  # sizes of tensors as profiled, by arm
        self.samples_ns: list[list[Sequence[int]]] = [
            [],
            [],
        ]  # of calls without a profile, by arm and process

    def explain(self, work: Path) -> TimeExplanation:
        """Return the regions of the pair, the largest change first.

        Raises CaseError where an arm does not run, or no tensor is shared; StoreError.
        """
        for arm, samples in zip(self.arms, self.samples_ns, strict=True):
            arm.open(("timing",))
            samples.append(arm.plain.samples_ns)
        shared = self._share()
        found = pieces(self.arms[0].graph.graph, self.arms[1].graph.graph, shared)
        times, providers = self._profile(work)
        regions = [self._region(ends, sides, times, providers) for ends, *sides in found]
        p50 = [min(float(np.median(each)) for each in samples) * 1e-9 for samples in self.samples_ns]
        base, head = (
            {**point, "runtime": arm.plain.runtime} for point, arm in zip(self.points, self.arms, strict=True)
        )
        return TimeExplanation(
            case=self.pair.name,
            base=base,
            head=head,
            base_p50_s=p50[0],
            head_p50_s=p50[1],
            regions=tuple(sorted(regions, key=lambda item: -abs(item.change_s or 0.0))),
            notes=tuple(self.notes),
        )

    def _share(self) -> list[SharedTensor]:
        """Match the tensors of both arms: by name, and where few have the same, by operators and shapes."""
        inferred = [infer(arm.source, arm.plain.input_shapes) for arm in self.arms]
        seen = [
            sights(
                arm.graph.graph,
                arm.source.graph,
                {name: shape[1] for name, shape in shapes.items() if len(shape) == 4},
            )
            for arm, shapes in zip(self.arms, inferred, strict=True)
        ]
        shared = share(*seen)
        if len(shared) < FEW_SHARED * min(map(len, seen)):
            names = align(self.arms[0].source.graph, self.arms[1].source.graph, (inferred[0], inferred[1]))
            renamed = {
                names.get(name, name): replace(sight, name=names.get(name, name))
                for name, sight in seen[1].items()
            }
            aligned = share(seen[0], renamed)
            self.notes.append(
                f"{len(shared)} of {min(map(len, seen))} tensors have the same names: "
                f"{len(aligned)} were matched by operators and shapes in their order"
            )
            shared = aligned
        if not shared:
            raise CaseError("no tensor of one arm is in the other: there is nothing to cut at")
        self.notes += [
            f"{name}: {arm.note}" for name, arm in zip(("base", "head"), self.arms, strict=True) if arm.note
        ]
        return shared

    def _profile(self, work: Path) -> tuple[list[dict[str, float]], list[dict[str, str]]]:
        """Return what each node takes (s) in each arm, and its provider; nothing without a profile."""
        times: list[dict[str, float]] = [{}, {}]
        providers: list[dict[str, str]] = [{}, {}]
        try:
            biases = self._calibrate(work)
            for turn in range(self.rounds):
                for side in ((0, 1), (1, 0))[turn % 2]:
                    part, samples_ns = self.arms[side].profile()
                    self.samples_ns[side].append(samples_ns)
                    self._add(side, part, biases[side], times[side], providers[side])
        except CaseError as error:
            self.notes.append(f"no times of regions: {error}")
            return [{}, {}], [{}, {}]
        for arm, whole in zip(("base", "head"), self.fusing, strict=True):
            if whole:
                names = ", ".join(sorted(whole))
                self.notes.append(f"{arm}: {names} ran several nodes as one, whose regions have no times")
        return times, providers

    def _calibrate(self, work: Path) -> list[Bias]:
        """Return what a profile adds to a node of each arm; once for both where their sessions are alike."""
        known: dict[Session, Bias] = {}
        for arm in self.arms:
            session = replace(arm.case.session, graph_opt="disable")  # as the graphs are profiled
            if session not in known:
                known[session] = calibrate(self.bench, arm.case, work)
        return [known[replace(arm.case.session, graph_opt="disable")] for arm in self.arms]

    def _add(
        self, side: int, part: Part, bias: Bias, times: dict[str, float], providers: dict[str, str]
    ) -> None:
        """Take the nodes of one profile in: of several, the smaller time counts."""
        nodes = {node["name"]: node for node in part["nodes"]}
        self.fusing[side] |= fused(nodes, node_names(self.arms[side].graph.graph))
        for node in self.arms[side].graph.graph.node:
            if (seen := nodes.get(node.name)) is None:
                continue
            times[node.name] = min(times.get(node.name, np.inf), own_s(seen, bias))
            providers[node.name] = str(seen["provider"]).removesuffix("ExecutionProvider")
            made = [name for name in node.output if name]
            if len(made) == len(seen["outputs"]):
                self.dims[side] |= {
                    name: item["dims"] for name, item in zip(made, seen["outputs"], strict=True)
                }

    def _region(
        self,
        ends: tuple[str, ...],
        sides: Sequence[Piece],
        times: Sequence[Mapping[str, float]],
        providers: Sequence[Mapping[str, str]],
    ) -> Region:
        spans, on = zip(
            *(
                span(piece, times[side], providers[side], self.fusing[side])
                for side, piece in enumerate(sides)
            ),
            strict=True,
        )
        return Region(
            name=ends[-1],
            ends=ends,
            base=sides[0],
            head=sides[1],
            change=change_of(sides[0], sides[1], (on[0], on[1])),
            base_s=spans[0],
            head_s=spans[1],
            providers=(", ".join(sorted(on[0])), ", ".join(sorted(on[1]))),
        )
