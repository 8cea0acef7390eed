"""One arm as it is looked into: the graph that ran, and its tensors, a few at a time."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build import files
from harness.build.naming import name_nodes
from harness.core.case import Case
from harness.core.errors import CaseError, Failed
from harness.core.record import Observation
from harness.explain.model import Sight
from harness.explain.tensors import show
from harness.judge.outputs import Outputs
from harness.measure import Request
from harness.run.bench import Bench, read_outputs

if TYPE_CHECKING:
    import onnx

OPTIMIZED = "optimized.onnx"
WEIGHTS = "optimized.data"
EXTERNAL_BYTES = 64_000_000
"""Size from which weights are kept in a file beside the graph: every look writes the graph anew."""

WRITES_GRAPH = "optimized_model_filepath"
WRITES_WEIGHTS = "session.optimized_model_external_initializers_file_name"


@dataclass(frozen=True, slots=True)
class Looked:
    """What one worker showed."""

    values: Outputs
    unsteady: frozenset[str] = frozenset()  # outputs that the same input gave otherwise another time
    input_shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    runtime: str = ""
    samples_ns: Sequence[int] = ()
    axes: Mapping[str, int] = field(default_factory=dict)  # output -> where its batch was, if not first


class Arm:
    """One arm of a pair: opened once, then looked at."""

    def __init__(self, bench: Bench, case: Case, folder: Path, samples: int) -> None:
        self.bench = bench
        self.case = case
        self.folder = folder
        self.samples = samples
        self.source: onnx.ModelProto
        self.graph: onnx.ModelProto
        self.plain: Looked
        self.own_graph = True  # the graph that ran could be kept; else tensors are shown in the source graph
        self.note = ""
        folder.mkdir(parents=True, exist_ok=True)

    def open(self, passes: tuple[str, ...] = ("outputs",)) -> None:
        """Run the arm as it is, and keep the graph that ran, all of its nodes named.

        Raises CaseError, StoreError.
        """
        built = self.bench.built(self.case)
        self.source = files.parse(Path(built.path))
        asked = self.bench.asked(self.case)
        path = self.folder / OPTIMIZED
        config = {**asked.session["config"], WRITES_GRAPH: str(path.absolute())}
        if built.size_bytes > files.LARGE_BYTES:
            config[WRITES_WEIGHTS] = WEIGHTS
        io = {} if "outputs" in passes else {"load": asked.load}
        try:
            self.plain = self._ask(asked, session={**asked.session, "config": config}, passes=passes, **io)
            self.graph = files.parse(path)
        except CaseError as error:
            self.plain = self._ask(asked, passes=passes, **io)
            self.note = f"the graph that ran cannot be kept ({error}): tensors are shown in the source graph"
            self.own_graph = False
            self.graph = _whole(Path(built.path))
            return
        _bring_data(self.graph, Path(built.path).parent, self.folder)
        name_nodes(self.graph.graph)
        _keep_weights_apart(self.graph, self.folder)

    def _ask(self, asked: Request, **changes: Any) -> Looked:
        changes = {
            "passes": ("outputs",),
            "rows": self.samples,
            "load": {**asked.load, "io": "run"},
            **changes,
        }
        return self.bench.probe(self.case, _read, **changes)

    def look(self, wanted: Sequence[Sight]) -> tuple[dict[str, Any], frozenset[str]]:
        """Return the values of `wanted` and of the outputs, and those of `wanted` that vary by themselves.

        Both go by the names of tensors in the graph that ran. Raises CaseError, StoreError.
        """
        seen, names = self._show(wanted)
        values = dict(zip(seen.values.names, seen.values.values or (), strict=True))
        found = {tensor: values[name] for tensor, name in names.items() if name in values}
        unsteady = frozenset(tensor for tensor, name in names.items() if name in seen.unsteady)
        own = {name: values[name] for name in self.plain.values.names if name in values}
        return {**own, **found}, unsteady

    def record(self, tensors: Sequence[str], dims: Mapping[str, Sequence[int]]) -> dict[str, Any]:
        """Return tensors of the graph that ran as they are in one call; `dims` are their sizes, where known.

        Raises CaseError, StoreError.
        """
        seen, names = self._show([Sight(name, name) for name in tensors])
        values = dict(zip(seen.values.names, seen.values.values or (), strict=True))
        found = {}
        for tensor, name in names.items():
            if name not in values:
                raise Failed(f"{tensor!r} cannot be recorded: it is no array of numbers")
            array = values[name]
            if axis := seen.axes.get(name, 0):
                array = _unmoved(array, axis)
            if name in seen.values.per_call:
                shape = {**self.plain.input_shapes, **dims}.get(tensor)
                if shape is None:
                    raise Failed(f"{tensor!r} cannot be recorded: its shape is not known")
                array = array.reshape(-1)[: math.prod(shape)].reshape(tuple(shape))
            found[tensor] = array
        return found

    def profile(self) -> tuple[Mapping[str, Any], Sequence[int]]:
        """Profile the graph that ran, by the names of its nodes; also its plain calls, in ns.

        Raises CaseError, StoreError.
        """
        path = self.folder / "profiled.onnx"
        files.save(self.graph, path)
        return self.bench.probe(
            self.case,
            _read_profile,
            path=str(path.absolute()),
            session=self._as_it_is(),
            passes=("timing", "profile"),
        )

    def _as_it_is(self) -> dict[str, Any]:
        """Return the arm's session without further optimization of the graph that ran."""
        session = self.bench.asked(self.case).session
        return {**session, "graph_opt": "disable"} if self.own_graph else dict(session)

    def _show(self, wanted: Sequence[Sight]) -> tuple[Looked, dict[str, str]]:
        """Run the graph that ran with `wanted` as outputs too; return also what each is called."""
        graph = self.graph.graph
        before = len(graph.output), len(graph.node), len(graph.initializer)
        path = self.folder / "shown.onnx"
        try:
            names = show(self.graph, self.source.graph, wanted)
            files.save(self.graph, path)
        finally:
            del graph.output[before[0] :], graph.node[before[1] :], graph.initializer[before[2] :]
        asked = self.bench.asked(self.case)
        try:
            return self._ask(asked, path=str(path.absolute()), session=self._as_it_is()), names
        finally:
            path.unlink(missing_ok=True)


def _read(seen: Observation, path: Path) -> Looked:
    if seen.error or not {"outputs", "timing"} & set(seen.passes):
        raise Failed(str((seen.error or {}).get("message", "the worker left no outputs")))
    repeat = seen.outputs.get("repeat") or {}
    return Looked(
        values=read_outputs(seen, seen.passes),
        unsteady=frozenset(repeat.get("max_abs_diff", {})),
        input_shapes=seen.session.get("input_shapes", {}),
        runtime=f"{seen.runtime.get('distribution')} {seen.runtime.get('version')}",
        samples_ns=seen.timing.get("samples_ns", ()),
        axes=(seen.outputs.get("alone") or {}).get("axes", {}),
    )


def _read_profile(seen: Observation, path: Path) -> tuple[Mapping[str, Any], Sequence[int]]:
    if "profile" not in seen.passes:
        raise Failed(str((seen.error or {}).get("message", "the worker left no profile")))
    return seen.parts["profile"], seen.timing["samples_ns"]


def _unmoved(array: Any, axis: int) -> Any:
    import numpy as np

    return np.ascontiguousarray(np.moveaxis(array, 0, axis))


def _whole(path: Path) -> onnx.ModelProto:
    """Read a model with its external data: what is shown of it is written elsewhere."""
    import onnx

    return onnx.load(path, format="protobuf")


def _bring_data(model: onnx.ModelProto, source: Path, folder: Path) -> None:
    """Put external data, which the graph that ran still refers to by the source's paths, beside it."""
    for location in files.external_files(model):
        beside = folder / location
        if not beside.exists():
            beside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / location, beside)  # neither links nor hard links are let through


def _keep_weights_apart(model: onnx.ModelProto, folder: Path) -> None:
    """Move large weights of a large graph into a file of `folder`, where every further file finds them."""
    from onnx.external_data_helper import convert_model_to_external_data, write_external_data_tensors

    if files.external_files(model) or model.ByteSize() < EXTERNAL_BYTES:
        return
    convert_model_to_external_data(model, location=WEIGHTS)
    write_external_data_tensors(model, str(folder))
