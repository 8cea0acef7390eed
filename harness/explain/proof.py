"""Prove a change: regions cut out of both graphs that ran, fed with what was recorded, in an A/B."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.ab.job import run_ab
from harness.ab.model import ABResult, ABSettings, Pair, Pairing
from harness.build import files
from harness.build.cut import cut
from harness.build.reading import read_onnx
from harness.core.artifact import Built, Dataset
from harness.core.case import Artifact, Case, DataRef, Load, Model, Source, freeze
from harness.core.decision import Change
from harness.core.errors import CaseError
from harness.core.hashing import hash_file
from harness.core.listener import Listener
from harness.core.suite import Suite
from harness.explain.arm import Arm
from harness.explain.model import Piece, Proof, Region, RegionChange
from harness.explain.timing import Timing
from harness.run.bench import Bench, OpenBench, open_arms

if TYPE_CHECKING:
    import onnx

MOST = 3
"""Regions that are proven unless it is asked otherwise."""

INSTRUCTIONS = "instructions/call"
LATENCY = "latency/p50"
DOUBTED = "its time shows nothing: the A/B's control found a piece to differ from itself"


def candidates(regions: Sequence[Region], most: int, slower: bool) -> list[Region]:
    """Choose what to prove: what moved most in the direction of the whole, and has nodes in both arms.

    Where nothing moved that way, what moved most in any. Regions whose operators differ come first where
    they leave a place for one whose do not: a profile of a busy machine may miss them.
    """
    sign = 1.0 if slower else -1.0
    moved = [item for item in regions if item.base.nodes and item.head.nodes]
    if any(item.change_s is not None for item in moved):
        ordered = sorted(moved, key=lambda item: -sign * (item.change_s or 0.0))
        along = [item for item in ordered if sign * (item.change_s or 0.0) > 0]
        along = along or sorted(moved, key=lambda item: -abs(item.change_s or 0.0))
        changed = [item for item in ordered if item.change is not RegionChange.NONE]
        first = changed if len(changed) < most else []
        return [*first, *(item for item in along if item not in first)][:most]
    return [item for item in moved if item.change is not RegionChange.NONE][:most]


class Prover:
    """Cuts the regions of one pair out, and puts them through the A/B."""

    def __init__(self, timing: Timing, folder: Path) -> None:
        self.timing = timing
        self.folder = folder
        self.lent: list[tuple[Artifact, Built, Dataset | None]] = []
        self.pairs: dict[str, Pair] = {}  # region -> its pieces
        self.refused: dict[str, str] = {}  # region -> why it could not be cut
        self.interrupted = False  # the A/B was; it keeps what is known by then

    def prove(
        self,
        regions: Sequence[Region],
        suite: Suite,
        settings: ABSettings,
        results_dir: Path,
        cache_dir: Path,
        *,
        listener: Listener | None = None,
        opening: OpenBench = open_arms,
    ) -> tuple[dict[str, Proof], bool]:
        """Return the proof of each region, by its name, and whether the job is to be trusted.

        Regions that were cut out before are not cut again. Raises StoreError.
        """
        for region in regions:
            if region.name in self.pairs or region.name in self.refused:
                continue
            try:
                self.pairs[region.name] = self._pair(region, len(self.pairs) + len(self.refused))
            except (CaseError, OSError) as error:
                self.refused[region.name] = f"cannot be cut out: {error}"
            except MemoryError:
                self.refused[region.name] = "cannot be cut out: no memory is left to record its values"
        names = [region.name for region in regions]
        pairs = [self.pairs[name] for name in names if name in self.pairs]
        proofs = {name: Proof(reason=self.refused[name]) for name in names if name in self.refused}
        if not pairs:
            return proofs, True

        def open_lent(suite: Suite, cache: Path, work: Path, machine: dict[str, Any]) -> Bench:
            bench = opening(suite, cache, work, machine)
            for artifact, built, data in self.lent:
                bench.lend(artifact, built, data)
            if settings.counted:
                with suppress(CaseError):  # the A/B meets it again
                    bench.count_ahead([pair.base for pair in pairs], [pair.head for pair in pairs])
            return bench

        result = run_ab(
            Pairing(tuple(pairs)),
            replace(suite, models=(), gates=()),
            settings,
            results_dir,
            cache_dir,
            listener=listener,
            open_bench=open_lent,
        )
        self.interrupted = result.interrupted
        return proofs | {pair.name: proof_of(result, pair.name) for pair in pairs}, result.trusted

    def _pair(self, region: Region, number: int) -> Pair:
        sides = [
            self._case(arm, piece, f"{number}-{side}", dims)
            for side, arm, piece, dims in zip(
                ("base", "head"), self.timing.arms, (region.base, region.head), self.timing.dims, strict=True
            )
        ]
        return Pair(region.name, sides[0], sides[1])

    def _case(self, arm: Arm, piece: Piece, name: str, dims: Mapping[str, Sequence[int]]) -> Case:
        """Cut one arm's piece out, write it with what it is fed, and make a case of it. Raises CaseError."""
        arrays = arm.record(piece.inputs, dims) if piece.inputs else {}
        folder = self.folder / name
        folder.mkdir(parents=True)
        path = folder / files.MODEL
        model, fed = isolate(arm.graph, piece.outputs, arrays, arm.case.load.batch)
        _bring_weights(model, arm.folder)
        files.save(model, path)
        data = folder / "recorded.npz"
        np.savez(data, **{f"{tensor}": arrays[tensor] for tensor in fed})
        return self._lend(arm, path, data if fed else None, name, fed, arrays)

    def _lend(
        self,
        arm: Arm,
        path: Path,
        data: Path | None,
        name: str,
        fed: Sequence[str],
        arrays: Mapping[str, Any],
    ) -> Case:
        reading = read_onnx(path)
        ref = DataRef("npz", str(data), 0) if data else None
        model = Model(name, Source("onnx", freeze({"path": str(path)})), data=ref)
        artifact = Artifact(model)
        built = Built(
            path=str(path),
            sha256=hash_file(path),
            size_bytes=path.stat().st_size,
            opset=reading.opset,
            precision=reading.precision,
            operators=reading.operators,
            inputs=reading.inputs,
            outputs=reading.outputs,
            custom_domains=reading.custom_domains,
            training=reading.training,
        )
        rows = len(arrays[fed[0]]) if fed else 1
        kept = Dataset(name, str(data), str(data), rows, False, hash_file(data)) if data else None
        self.lent.append((artifact, built, kept))
        session = replace(arm.case.session, graph_opt="disable") if arm.own_graph else arm.case.session
        return Case(artifact, session, Load(batch=rows, io=arm.case.load.io))


def isolate(
    graph: onnx.ModelProto, outputs: Sequence[str], arrays: Mapping[str, Any], batch: int
) -> tuple[onnx.ModelProto, list[str]]:
    """Cut `outputs` off at the tensors of `arrays`; return also which of these are fed, not held."""
    fed = _fed_by_row(arrays, batch)
    model = cut(graph, list(arrays), outputs, _types(arrays))
    _hold(model, {tensor: array for tensor, array in arrays.items() if tensor not in fed})
    return model, fed


def _fed_by_row(arrays: Mapping[str, Any], batch: int) -> list[str]:
    """Name the arrays that are fed: with a row a sample, else those whose first axis is that of most."""
    sizes = Counter(len(array) for array in arrays.values() if array.ndim and len(array))
    if not sizes:
        return []
    rows = batch if batch in sizes else sizes.most_common(1)[0][0]
    return [name for name, array in arrays.items() if array.ndim and len(array) == rows]


def _types(arrays: Mapping[str, Any]) -> dict[str, onnx.ValueInfoProto]:
    from onnx import helper

    return {
        name: helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(arrays[name].dtype), list(arrays[name].shape)
        )
        for name in arrays
    }


def _hold(model: onnx.ModelProto, arrays: Mapping[str, Any]) -> None:
    """Make constants of arrays that are no rows: shapes, single numbers, tables."""
    from onnx import numpy_helper

    model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
    inputs = [item for item in model.graph.input if item.name not in arrays]
    del model.graph.input[:]
    model.graph.input.extend(inputs)


def _bring_weights(model: onnx.ModelProto, folder: Path) -> None:
    """Read the weights that a piece refers to, which lie beside the whole graph."""
    from onnx.external_data_helper import load_external_data_for_model

    if files.external_files(model):
        load_external_data_for_model(model, str(folder))


def proof_of(result: ABResult, case: str) -> Proof:
    """Return what the A/B showed of one region."""
    rows = {row.metric: row for row in result.comparisons if row.case == case}
    latency, counted = rows.get(LATENCY), rows.get(INSTRUCTIONS)
    lost = result.failed.get(case, ())
    decision = latency.decision if latency else None
    if decision and not result.trusted:
        decision = replace(decision, verdict=Change.INCONCLUSIVE, reason=DOUBTED)
    return Proof(
        latency=decision,
        base_s=latency.base if latency else None,
        head_s=latency.head if latency else None,
        base_instructions=counted.base if counted else None,
        head_instructions=counted.head if counted else None,
        reason="; ".join(map(str, lost)) if lost else ("" if latency else "the A/B has no time of it"),
    )


def undecided(proofs: Mapping[str, Proof]) -> list[str]:
    """Name the regions whose time was measured and shows nothing: counts may."""
    return [
        name
        for name, proof in proofs.items()
        if proof.latency and proof.latency.verdict is Change.INCONCLUSIVE
    ]


def can_count(which: Callable[[str], str | None] = shutil.which) -> bool:
    """Return whether this machine has what counts instructions of a process."""
    return which("valgrind") is not None
