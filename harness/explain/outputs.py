"""Find where the numbers of two arms part: a few tensors at a time, in HEAD's order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.ab.model import Pair
from harness.core.case import thaw
from harness.core.errors import CaseError
from harness.explain.arm import Arm
from harness.explain.errors import compare
from harness.explain.model import OutputsExplanation, SharedTensor, Sight, Step, TensorError, TensorVerdict
from harness.explain.regions import FEW_SHARED
from harness.explain.stages import WIDTH, infer, stages
from harness.explain.tensors import share, sights, steps
from harness.judge.closeness import Limits, limits
from harness.run.bench import Bench

MEMORY_BYTES = 1 << 27
"""Values of one arm that are held at once."""

SAMPLES = 8
"""Samples that tensors are compared on."""

NO_MEMORY = "no memory is left to read and compare it; fewer --samples take less"

Point = Mapping[str, str]


def explain_outputs(
    bench: Bench,
    pair: Pair,
    base: Point,
    head: Point,
    folder: Path,
    *,
    samples: int = SAMPLES,
    memory_bytes: int = MEMORY_BYTES,
    until: Callable[[], bool] = lambda: False,
) -> OutputsExplanation:
    """Compare the tensors of a pair, stage by stage, `until` says that the time is up.

    No stage holds more than `memory_bytes` of an arm. Raises CaseError where an arm does not run or the
    arms do not have the same inputs, StoreError.
    """
    arms = Arm(bench, pair.base, folder / "base", samples), Arm(bench, pair.head, folder / "head", samples)
    for arm in arms:
        arm.open()
    _check_inputs(arms)
    sizes, channels = zip(*(_shapes(arm) for arm in arms), strict=True)
    seen = [
        sights(arm.graph.graph, arm.source.graph, known) for arm, known in zip(arms, channels, strict=True)
    ]
    shared = share(*seen)
    look = TensorSearch(arms, shared, _limits(bench, pair), {**sizes[0], **sizes[1]}, samples, memory_bytes)
    found = look.run(until)
    ways = [
        steps(arm.graph.graph, each, [item.name for item in arm.graph.graph.input])
        for arm, each in zip(
            arms,
            ([_named(item, item.base) for item in shared], [_named(item, item.head) for item in shared]),
            strict=True,
        )
    ]
    return OutputsExplanation(
        case=pair.name,
        base={**base, "runtime": arms[0].plain.runtime},
        head={**head, "runtime": arms[1].plain.runtime},
        limit_db=look.limits.sqnr_db,
        samples=samples,
        data="data" if pair.head.artifact.model.data else "random inputs",
        tensors=tuple(_with_steps(item, *ways) for item in found),
        outputs=arms[1].plain.values.names,
        unseen=len(shared) - len(found),
        hidden=len(seen[0].keys() ^ seen[1].keys()),
        notes=(
            *look.notes(),
            *_few(len(shared), min(map(len, seen))),
            *(f"{name}: {arm.note}" for name, arm in zip(("base", "head"), arms, strict=True) if arm.note),
        ),
    )


def _few(shared: int, of: int) -> tuple[str, ...]:
    """Say that few names are shared: values of other names are not compared, for they may be others."""
    few = f"{shared} of {of} tensors have the same names: what lies between them is not seen"
    return (few,) if shared < FEW_SHARED * of else ()


def _named(item: SharedTensor, sight: Sight) -> Sight:
    return replace(sight, name=item.name)


def _with_steps(item: TensorError, base: Mapping[str, Step], head: Mapping[str, Step]) -> TensorError:
    return replace(item, base=base.get(item.tensor), head=head.get(item.tensor))


def _limits(bench: Bench, pair: Pair) -> Limits:
    precisions = [bench.built(case).precision for case in (pair.base, pair.head)]
    return limits(precisions, thaw(pair.head.artifact.model.tolerance))


def _check_inputs(arms: tuple[Arm, Arm]) -> None:
    """Raise CaseError where the arms are not fed with the same values."""
    base, head = (arm.plain.input_shapes for arm in arms)
    if base.keys() != head.keys():
        names = [", ".join(sorted(side)) for side in (base, head)]
        raise CaseError(f"the inputs are {names[0]} in base and {names[1]} in head: no values to compare")
    for name in base:
        if list(base[name]) != list(head[name]):
            raise CaseError(f"input {name!r} is {list(base[name])} in base, {list(head[name])} in head")


def _shapes(arm: Arm) -> tuple[dict[str, int], dict[str, int]]:
    """Infer from the source graph, its inputs as fed, how many values tensors have, and their channels."""
    inferred = infer(arm.source, arm.plain.input_shapes)
    sizes = {name: math.prod(shape) for name, shape in inferred.items()}
    return sizes, {name: shape[1] for name, shape in inferred.items() if len(shape) == 4}


class TensorSearch:
    """The comparison on its way through the stages."""

    def __init__(
        self,
        arms: tuple[Arm, Arm],
        shared: Sequence[SharedTensor],
        limits: Limits,
        values: Mapping[str, int],
        samples: int,
        memory_bytes: int,
    ) -> None:
        self.arms = arms
        self.shared = shared
        self.limits = limits
        self.values = values
        self.calls = math.ceil(samples / arms[0].case.load.batch)
        self.memory_bytes = memory_bytes
        self.found: list[TensorError] = []
        self.changed: dict[str, str] = {}  # arm -> how its outputs differ from those of the graph as it is
        self.too_large: list[str] = []

    def run(self, until: Callable[[], bool]) -> list[TensorError]:
        """Go through the stages while there is time; the model's own outputs are compared in any case."""
        for stage in stages(self.shared, self.values, self.calls, self.memory_bytes):
            if until():
                break
            large = [item for item in stage if self._bytes(item) > self.memory_bytes]
            self.too_large += [item.name for item in large]
            self._compare([item for item in stage if item not in large])
        self._compare_outputs()
        return self.found

    def _compare_outputs(self) -> None:
        """Compare the outputs of the model that no stage came to: their values are at hand."""
        plain = [
            (
                dict(zip(arm.plain.values.names, arm.plain.values.values or (), strict=True)),
                arm.plain.unsteady,
            )
            for arm in self.arms
        ]
        done = {item.tensor for item in self.found}
        for item in self.shared:
            as_it_is = all(sight == Sight(item.name, item.name) for sight in (item.base, item.head))
            if as_it_is and item.name not in done and all(item.name in seen for seen, _ in plain):
                self.found.append(self._judge(item, plain))

    def _bytes(self, item: SharedTensor) -> int:
        return self.values.get(item.name, 0) * self.calls * WIDTH

    def _compare(self, stage: Sequence[SharedTensor]) -> None:
        """Compare the tensors of one stage; where an arm refuses, each half of them by itself."""
        if not stage:
            return
        try:
            values = [
                arm.look([item.base if number == 0 else item.head for item in stage])
                for number, arm in enumerate(self.arms)
            ]
        except (CaseError, MemoryError) as error:
            if len(stage) == 1:
                reason = NO_MEMORY if isinstance(error, MemoryError) else f"cannot be seen: {error}"
                self.found.append(
                    TensorError(tensor=stage[0].name, verdict=TensorVerdict.UNCOMPARED, reason=reason)
                )
                return
            middle = len(stage) // 2
            self._compare(stage[:middle])
            self._compare(stage[middle:])
            return
        for name, arm, (seen, _) in zip(("base", "head"), self.arms, values, strict=True):
            self._check_unchanged(name, arm, seen)
        for item in stage:
            self.found.append(self._judge(item, values))

    def _judge(
        self, item: SharedTensor, values: Sequence[tuple[dict[str, Any], frozenset[str]]]
    ) -> TensorError:
        for name, (seen, unsteady), tensor in zip(
            ("base", "head"), values, (item.base.tensor, item.head.tensor), strict=True
        ):
            if tensor in unsteady:
                reason = f"{name} answers the same input differently each time"
                return TensorError(tensor=item.name, verdict=TensorVerdict.UNSTEADY, reason=reason)
            if tensor not in seen:
                return TensorError(
                    tensor=item.name, verdict=TensorVerdict.UNCOMPARED, reason=f"{name} does not show it"
                )
        base, head = values[0][0][item.base.tensor], values[1][0][item.head.tensor]
        try:
            return compare(item.name, base, head, self.limits)
        except MemoryError:
            return TensorError(tensor=item.name, verdict=TensorVerdict.UNCOMPARED, reason=NO_MEMORY)

    def _check_unchanged(self, name: str, arm: Arm, seen: Mapping[str, Any]) -> None:
        """Notice outputs of the model that are others once tensors are shown."""
        for output, plain in zip(arm.plain.values.names, arm.plain.values.values or (), strict=True):
            same = output not in seen or np.array_equal(
                plain, seen[output], equal_nan=plain.dtype.kind == "f"
            )
            if not same and output not in arm.plain.unsteady:
                error = compare(output, plain, seen[output], self.limits)
                how = f"SQNR {error.sqnr_db:.1f} dB" if error.sqnr_db is not None else error.reason
                self.changed.setdefault(name, f"{output!r}, {how}")

    def notes(self) -> Iterator[str]:
        """Say what limits the picture."""
        for name, how in self.changed.items():
            yield (
                f"{name}: with tensors shown, its own outputs are others ({how}): "
                "what is seen is not quite what runs"
            )
        if self.too_large:
            size, names = f"{self.memory_bytes >> 20} MiB", ", ".join(self.too_large)
            yield f"larger than {size} in all samples, not looked at (fewer --samples take less): {names}"
