"""Measure one case into one record, whatever happens to it.

The step that every loop repeats: build -> measure -> judge. Builds, data and
FP32 references are shared by the cases of one sweep; a measurement never is.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from errno import EDQUOT, ENOSPC
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from harness import build, install, judge, measure
from harness.core.artifact import LABELS, Built, Dataset
from harness.core.case import FP32, Artifact, Case, DataRef, Load, Session, plain, thaw
from harness.core.errors import CaseError, Failed, StoreError, Unsupported
from harness.core.hashing import hash_file
from harness.core.passes import chosen, repeated, together
from harness.core.record import Note, NoteKind, Observation, Record, Status
from harness.core.sampling import Sampling
from harness.core.suite import Skip, Suite
from harness.install import Installed
from harness.judge.metrics.accuracy import OWN as OWN_KIND
from harness.judge.metrics.accuracy import REFERENCE as FP32_KIND
from harness.judge.metrics.drift import variation
from harness.judge.outputs import Outputs, known_classes
from harness.measure import Block, BlockOrder, Cores, Request
from harness.plan.gated import gated_sampling
from harness.run import lease

if TYPE_CHECKING:
    import numpy as np

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass
class Bench:
    """What the cases of one sweep share; made by `open_bench` or `open_arms`.

    With `keep_outputs`, cases are compared with each other: `outputs` has what
    each computed, and no FP32 reference is run.
    """

    suite: Suite
    cache_dir: Path
    work_dir: Path
    machine: dict[str, Any]
    keep_outputs: bool = False
    outputs: dict[Case, Outputs] = field(default_factory=dict)
    hold: Callable[[Iterable[int]], AbstractContextManager[None]] = measure.measuring
    count: Callable[[Sequence[Sequence[Request]], Path], list[list[dict[str, Any]]]] = measure.count
    _built: dict[Artifact, Built | CaseError] = field(default_factory=dict)
    _data: dict[DataRef, Dataset] = field(default_factory=dict)
    _references: dict[Case, Outputs] = field(default_factory=dict)
    _runtimes: dict[str, Installed | CaseError] = field(default_factory=dict)
    _hashes: dict[Path, str] = field(default_factory=dict)  # of libraries of custom operators
    _counted: dict[Case, dict[str, Any]] = field(default_factory=dict)  # ahead, until it is measured
    _workers: int = 0

    def load(self) -> None:
        """Read all data and look for the cores: a mistake there ends the sweep before it begins.

        Raises InputError where a model's data or the cores are wrong.
        """
        measure.choose_cores(0, self.suite.measure.cores)
        lease.take(self, self.cache_dir)
        for ref in {model.data for model in self.suite.models if model.data is not None}:
            self._data[ref] = build.load_data(ref, self.cache_dir)

    def measure(self, case: Case, run: str = "") -> Record:
        """Build, measure and judge `case` of `run`; whatever a model or a runtime does is recorded."""
        begun, started_at = monotonic(), _now()
        try:
            record = self._measure(case)
        except CaseError as error:
            status = Status.UNSUPPORTED if isinstance(error, Unsupported) else Status.FAILED
            record = self._record(case, status, reason=str(error))
        duration_s = round(monotonic() - begun, 3)
        return replace(record, run=run, started_at=started_at, duration_s=duration_s)

    def skipped(self, skip: Skip, run: str = "") -> Record:
        """Record a cell that the suite leaves out."""
        record = self._record(skip.case, Status.SKIPPED, reason=skip.because)
        return replace(record, run=run, started_at=_now())

    def _measure(self, case: Case) -> Record:
        built = self._build(case.artifact)
        labels = self._labels(case, built)
        source = self._source(case, built)
        cores = self._cores(case.session)
        passes = self._passes()
        first, outputs = self._observe(case, built, cores, together(passes))
        outputs = _describe(outputs, case, built, labels)
        observations = [first]
        while len(observations) < self.suite.sampling.processes and _went_well(observations[-1]):
            observations.append(self._observe(case, built, cores, repeated(passes))[0])
        if "instructions" in passes and _went_well(observations[-1]):
            counted = self._count(case)
            observations[0] = replace(first, parts={**first.parts, "instructions": counted})
        reference, key = Outputs(reason=outputs.reason), ""
        if self.keep_outputs:
            self.outputs[case] = outputs
            reference = Outputs(reason="compared with the other arm instead")
        elif outputs.values is not None:
            reference_case = self._reference_case(case, built)
            reference = self._reference(reference_case)
            key = reference_case.key if reference.values is not None else ""
        verdict = judge.judge(
            judge.Facts(
                case=case,
                built=built,
                observations=tuple(observations),
                output_names=outputs.names,
                outputs=outputs.values,
                outputs_reason=outputs.reason,
                reference_outputs=reference.values,
                reference_reason=reference.reason,
                reference=key,
                reference_kind=FP32_KIND if reference.precision == FP32.kind else OWN_KIND,
                reference_precision=reference.precision,
                reference_varies=reference.varies,
                alone=outputs.alone,
                per_call=outputs.per_call,
                output_types=outputs.types,
                labels=None if labels is None else labels[: first.outputs.get("rows", 0)],
                source_outputs=source.values,
                source_names=source.names,
                source_reason=source.reason,
                strict_provider=self.suite.measure.strict_provider,
                passes=together(passes),
                cores=cores.worker,
                brief=self.keep_outputs,
            )
        )
        # What decided the status printed what explains it.
        deciding = next((item for item in observations if not _went_well(item)), first)
        about_cores = (Note(NoteKind.CORES, text) for text in cores.notes)
        notes = tuple(dict.fromkeys((*verdict.notes, *about_cores)))
        return replace(
            self._record(case, verdict.status, reason=verdict.reason),
            notes=tuple(note.text for note in notes),
            note_kinds=tuple(note.kind for note in notes),
            note_shorts=tuple(note.short for note in notes),
            metrics=verdict.metrics,
            effective={**verdict.effective, **self._provenance(case, built, labelled=labels is not None)},
            artifact=built.to_json(),
            environment={**self.machine, "during": dict(first.system)},
            samples=verdict.samples,
            stdout=str(deciding.exit.get("stdout", "")),
            stderr=str(deciding.exit.get("stderr", "")),
        )

    def _provenance(self, case: Case, built: Built, *, labelled: bool) -> dict[str, Any]:
        """Return which data and which installed runtime were used: names alone may come to mean others."""
        data, runtime = self._dataset(case, built), self._runtime(case.session.runtime)
        return {
            "data": {**_without_paths(data), "labelled": labelled} if data else None,
            "installed": {"requirement": runtime.requirement, "sha256": runtime.sha256} if runtime else None,
            "custom_ops": self._libraries(case.session),
        }

    def _libraries(self, session: Session) -> list[dict[str, str]]:
        """Name the libraries of custom operators that a session registers, each with its hash."""
        paths = [Path(path) for path in thaw(session.custom_ops)]
        for path in paths:
            if path not in self._hashes:
                try:
                    self._hashes[path] = hash_file(path)
                except OSError as error:
                    raise Failed(f"custom operators: {path}: {error.strerror}") from error
        return [{"name": path.name, "sha256": self._hashes[path]} for path in paths]

    def _record(self, case: Case, status: Status, *, reason: str = "") -> Record:
        return Record(
            run="",
            suite=self.suite.name,
            case=case.key,
            axes=case.axes,
            status=status,
            reason=reason,
            asked={
                "session": plain(case.session),
                "load": plain(case.load),
                "sampling": asdict(self.suite.sampling),
                "measure": self.suite.measure.to_json(),
            },
            environment=self.machine,
            machine=str(self.machine["machine"]),
        )

    def _build(self, artifact: Artifact) -> Built:
        return _once(self._built, artifact, lambda: build.build(artifact, self.cache_dir))

    def _runtime(self, name: str) -> Installed | None:
        """Install the runtime `name`, once; None stands for the one installed here. Raises CaseError."""
        if name == "current":
            return None
        return _once(self._runtimes, name, lambda: install.ensure(install.parse(name), self.cache_dir))

    def _passes(self) -> tuple[str, ...]:
        return chosen(self.suite.measure.passes)

    def _observe(
        self, case: Case, built: Built, cores: Cores, passes: tuple[str, ...]
    ) -> tuple[Observation, Outputs]:
        """Run one fresh worker in a folder of its own. Raises CaseError where its runtime cannot be had."""
        request = self._request(case, built, cores, passes)
        with self._measuring(cores.worker) as folder:
            observation = measure.observe(request, folder)
            return observation, read_outputs(observation, passes)

    def _count(self, case: Case) -> dict[str, Any]:
        """Count instructions in a worker of its own, unless they were. Raises CaseError, StoreError."""
        if case not in self._counted:
            self.count_ahead([case])
        return self._counted.pop(case)

    def count_ahead(self, *groups: Sequence[Case]) -> None:
        """Count the instructions of cases that will be measured, the groups at the same time.

        The cases of a group have one runtime. Raises CaseError, StoreError.
        """
        left = [[case for case in group if case not in self._counted] for group in groups]
        left = [group for group in left if group]
        asked = [[self.asked(case) for case in group] for group in left]
        both = [request.cores for group in asked for request in group]
        cores = {core for each in both for core in (*each.worker, *(each.parent if len(asked) > 1 else ()))}
        with self._measuring(cores) as folder:
            for group, parts in zip(left, self.count(asked, folder), strict=True):
                self._counted.update(zip(group, parts, strict=True))

    def _request(self, case: Case, built: Built, cores: Cores, passes: tuple[str, ...]) -> Request:
        runtime = self._runtime(case.session.runtime)
        sampling, data = self.suite.sampling, self._dataset(case, built)
        ref = _ref(case)
        return measure.request(
            case,
            built,
            sampling if self.keep_outputs else gated_sampling(sampling, self.suite.gates, case),
            self.suite.measure,
            data=data.evaluation if data else None,
            data_name=ref.location if ref else data.name if data else None,
            passes=passes,
            cores=cores,
            runtime_path=str(runtime.path) if runtime else None,
            runtime_version=runtime.version if runtime else None,
        )

    def _cores(self, session: Session) -> Cores:
        """Choose the cores for the threads of `session`; those across operators run in parallel mode only."""
        across = session.inter_threads if session.execution_mode == "parallel" else 1
        return measure.choose_cores(session.intra_threads, self.suite.measure.cores, across)

    def request(self, case: Case, sampling: Sampling) -> Request:
        """Ask for a worker that serves slices of `case` (`run_block`). Raises CaseError."""
        cores = self._cores(case.session)
        passes = ("memory", "slices") if self.suite.measure.wants("memory") else ("slices",)
        request = self._request(case, self._build(case.artifact), cores, ())
        return replace(request, sampling=sampling, passes=passes)

    def profile(self, case: Case, read: Callable[[Observation, Path], Value], **changes: Any) -> Value:
        """Time and profile `case` in one fresh worker; `read` and `changes` as of `probe`. Raises as it."""
        return self.probe(case, read, passes=("memory", "timing", "profile"), **changes)

    def probe(self, case: Case, read: Callable[[Observation, Path], Value], **changes: Any) -> Value:
        """Ask one fresh worker of `case`, with `changes`; `read` gets what it saw, and the model file.

        It is called before the worker's folder goes. Raises CaseError, StoreError.
        """
        built = self._build(case.artifact)
        cores = self._cores(case.session)
        request = replace(self._request(case, built, cores, ()), **changes)
        with self._measuring(cores.worker) as folder:
            return read(measure.observe(request, folder), Path(built.path))

    def built(self, case: Case) -> Built:
        """Return the model file of `case`, as read back. Raises CaseError."""
        return self._build(case.artifact)

    def lend(self, artifact: Artifact, built: Built, data: Dataset | None = None) -> None:
        """Take a file, and data for it, that were made elsewhere as those of `artifact`."""
        self._built[artifact] = built
        if artifact.model.data is not None and data is not None:
            self._data[artifact.model.data] = data

    def asked(self, case: Case) -> Request:
        """Return what a worker of `case` is asked, without any pass. Raises CaseError."""
        return self._request(case, self._build(case.artifact), self._cores(case.session), ())

    def run_block(
        self, pair: tuple[Request, Request], draw: BlockOrder, span_s: float, limit_s: float = math.inf
    ) -> Block:
        """Let one fresh worker of each arm take turns. Raises StoreError."""
        with self._measuring({*pair[0].cores.worker, *pair[1].cores.worker}) as folder:
            return measure.run_block(pair, draw, span_s, folder, limit_s)

    @contextmanager
    def _measuring(self, cores: Iterable[int]) -> Iterator[Path]:
        """Hold `cores` and a folder for a worker. Raises StoreError."""
        try:
            with self.hold(cores), self._folder() as folder:
                yield folder
        except OSError as error:
            # Nothing can be measured any more; what was measured is kept.
            remedy = "; free some space there" if error.errno in (ENOSPC, EDQUOT) else ""
            reason = f"{error.strerror or error}{remedy}; what was measured is kept (run and sweep: --resume)"
            raise StoreError(f"{self.work_dir}: a worker cannot be started or read: {reason}") from error

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        self._workers += 1
        folder = self.work_dir / f"worker-{self._workers}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _dataset(self, case: Case, built: Built) -> Dataset | None:
        """Return the data that the suite names, else what came with the model's source; of a part its own."""
        ref = _ref(case)
        return self._data[ref] if ref else build.own_data(built)

    def _reference_case(self, case: Case, built: Built) -> Case:
        """Name the reference: same model, opset and shapes; unoptimized, on the CPU, as the source is.

        That is FP32, but for a source that is of another one as it is.
        """
        return Case(
            build.fp32_reference(case.artifact, built),
            Session(graph_opt="disable", custom_ops=case.session.custom_ops),
            Load(batch=case.load.batch, shapes=case.load.shapes, io="run"),
        )

    def _reference(self, reference: Case) -> Outputs:
        """Compute the reference's outputs on the same rows, once for all cases that share it."""
        if reference not in self._references:
            # cases come by their artifact: outputs of another one are not asked for again, and may be large
            for known in [known for known in self._references if known.artifact != reference.artifact]:
                del self._references[known]
            try:
                self._references[reference] = self.evaluate(reference)
            except CaseError as error:
                self._references[reference] = Outputs(reason=f"the FP32 reference cannot be built: {error}")
        return self._references[reference]

    def evaluate(self, case: Case) -> Outputs:
        """Compute the outputs of `case` in a process of their own, and nothing else. Raises CaseError."""
        built = self._build(case.artifact)
        outputs = self._observe(case, built, self._cores(case.session), ("outputs",))[1]
        return _describe(outputs, case, built, self._labels(case, built))

    def _labels(self, case: Case, built: Built) -> np.ndarray | None:
        """Read the labels of the rows that are evaluated. Raises Failed where they cannot be labels."""
        ref, data = _ref(case), self._dataset(case, built)
        return build.load_labels(ref.location if ref else data.name, data, built) if data else None

    def _source(self, case: Case, built: Built) -> Outputs:
        """Read how the original of a converted model answers the rows that are evaluated."""
        if not built.origin:
            kind = case.artifact.model.source.kind
            return Outputs(reason=f"how the original of a {kind} source answers is not kept")
        if reason := built.origin.get("unavailable", "") or self._other_rows(case, built):
            return Outputs(reason=reason)
        answers = build.read_origin(built)
        return Outputs(tuple(answers), tuple(answers.values()))

    def _other_rows(self, case: Case, built: Built) -> str:
        """Say why the original answered other rows than `case` is evaluated on; empty: the same."""
        origin, own = built.origin, thaw(case.artifact.model.shapes)
        if "shapes" in origin and {**own, **thaw(case.load.shapes.options)} != origin["shapes"]:
            return "the original answered rows of other shapes"
        if "seed" in origin and origin["seed"] != self.suite.measure.seed:
            return f"the original answered the rows of seed {origin['seed']}"
        return ""


OpenBench = Callable[[Suite, Path, Path, dict[str, Any]], Bench]
"""Make a bench of a suite, the cache, a folder to work in and what is known of the machine."""


def open_bench(suite: Suite, cache_dir: Path, work_dir: Path, machine: dict[str, Any]) -> Bench:
    """Make a bench whose data is read. Raises InputError where a model's data or the cores are wrong."""
    bench = Bench(suite, cache_dir, work_dir, machine)
    bench.load()
    return bench


def open_arms(suite: Suite, cache_dir: Path, work_dir: Path, machine: dict[str, Any]) -> Bench:
    """Make a bench of cases that are compared with each other. Raises as `open_bench`."""
    bench = Bench(suite, cache_dir, work_dir, machine, keep_outputs=True)
    bench.load()
    return bench


def _once(known: dict[Key, Value | CaseError], key: Key, make: Callable[[], Value]) -> Value:
    """Make what `key` stands for, once; raise the same CaseError every time where it cannot be had."""
    if key not in known:
        try:
            known[key] = make()
        except CaseError as error:
            known[key] = error
    value = known[key]
    if isinstance(value, CaseError):
        raise value
    return value


def _ref(case: Case) -> DataRef | None:
    """Return which data a case is fed as it lies there; a part of a model is fed what was recorded of it."""
    model = case.artifact.model
    return None if model.cut else model.data


def _without_paths(dataset: Dataset) -> dict[str, Any]:
    return {name: getattr(dataset, name) for name in ("name", "samples", "sha256")}


def _went_well(observation: Observation) -> bool:
    return observation.error is None and not observation.exit.get("code")


def _describe(outputs: Outputs, case: Case, built: Built, labels: np.ndarray | None) -> Outputs:
    """Add to outputs what the artifact, the task and the labels show of them."""
    model = case.artifact.model
    wanted = model.output or built.counts
    known = known_classes(built.classes, outputs.names, wanted=wanted, task=model.task, labels=labels)
    described = replace(
        outputs, classes=known, precision=built.precision, draws=built.draws, counts=built.counts
    )
    return described.holding(
        {name: what for name, what in built.holds.items() if what == LABELS or name not in known}
    )


def read_outputs(observation: Observation, passes: tuple[str, ...]) -> Outputs:
    """Read the arrays that a worker left behind, before its folder goes."""
    if "outputs" not in passes:
        return Outputs(reason="accuracy was not asked for")
    if not observation.outputs:
        return Outputs(reason=str((observation.error or {}).get("message", "the worker left no outputs")))
    import numpy as np

    names = tuple(observation.outputs["names"])
    alone = (observation.outputs.get("alone") or {}).get("names", ())
    with np.load(observation.outputs["file"]) as arrays:
        values = tuple(arrays[str(index)] for index in range(len(names)))
        rows = {
            name: (arrays[f"alone.{index}"], arrays[f"together.{index}"]) for index, name in enumerate(alone)
        }
    return Outputs(
        names,
        values,
        per_call=frozenset(observation.outputs.get("per_call", ())),
        varies=variation(observation.outputs),
        alone=rows,
        types=observation.outputs.get("types") or {},
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
