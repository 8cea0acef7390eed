"""What is known of a case: Observation (facts), Metric (numbers), Record (what is stored).

An observation is what one worker process saw; it holds no arithmetic. A
metric is one number with its unit, direction and interval. A record joins
speed, memory, accuracy and the proof of what really ran, and is what is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from dataclasses import fields as dataclass_fields
from enum import StrEnum
from typing import Any

from harness.core.passes import PASSES

SCHEMA = 1
"""Version of the stored record. A file of every version stays in tests/data."""


class Status(StrEnum):
    """How a case ended."""

    OK = "ok"  # measured, as asked for
    SKIPPED = "skipped"  # by a rule of the suite
    UNSUPPORTED = "unsupported"  # this machine, runtime or exporter cannot
    FAILED = "failed"  # an error, or something else ran than was asked for
    CRASHED = "crashed"  # the worker died of a signal
    TIMEOUT = "timeout"


class NoteKind(StrEnum):
    """What a note of a record is about."""

    OTHER = "other"  # of a record that was stored without kinds, or of another package
    RANDOM_WEIGHTS = "random weights"
    ARTIFACT = "artifact"  # how the model file was made
    PLACEMENT = "placement"  # where nodes ran
    COMPUTED = "computed in"  # another precision than the file's
    ONE_BRANCH = "one branch"  # of an If, whatever was fed
    NO_PROOF = "no proof"
    THREADS = "threads"
    CORES = "cores"
    UNSTEADY = "not steady"
    STEADINESS_UNKNOWN = "steadiness unknown"
    NONFINITE = "NaN or Inf"
    VARIES = "outputs vary by themselves"
    DRIFT = "outputs drift"
    MIXED_BATCH = "the batch axis mixes samples"
    UNCHECKED_BATCH = "the batch axis is not checked"  # nobody knows whether it mixes samples
    BAD_INPUTS = "inputs are NaN"
    RANDOM_CALIBRATION = "random calibration"
    NARROW_INPUTS = "inputs are 0 and 1"  # drawn so, for want of a bound
    RANDOM_INPUTS = "random inputs"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a reader of the numbers must know."""

    kind: NoteKind
    detail: str  # for people: nothing is decided by it
    short: str = ""  # what the cell of a table holds of it; empty where the kind or the detail must do

    @property
    def text(self) -> str:
        """The whole note: ``not steady: 9% outliers``."""
        return ": ".join(filter(None, (self.short, self.detail)))


class Absence(StrEnum):
    """Why a metric has no value, where that decides something."""

    OTHER = ""
    IDENTICAL = "identical"  # an SQNR without any noise: better than every number
    TOO_FEW_CALLS = "too few calls"
    NOT_ASKED = "not asked for"  # of what is off unless a suite asks for it
    REPLACED = "replaced"  # another metric is there in its place


BAD = frozenset({Status.FAILED, Status.CRASHED, Status.TIMEOUT})
"""What makes a sweep exit with 3."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Raw facts from one worker process. Times are ns, memory is bytes.

    Each part is the dict that the worker wrote, or empty where that pass did
    not run or did not finish; `error` then says why. Shapes of the parts:
    see `harness.measure.worker`.
    """

    passes: tuple[str, ...]  # passes that finished, in order
    error: Mapping[str, str] | None = None  # {"status", "pass", "type", "message"}
    runtime: Mapping[str, Any] = field(default_factory=dict)
    session: Mapping[str, Any] = field(default_factory=dict)
    feeds: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    proof: Mapping[str, Any] = field(default_factory=dict)
    system: Mapping[str, Any] = field(default_factory=dict)
    exit: Mapping[str, Any] = field(default_factory=dict)  # {"code", "signal", "wall_s", "stdout", "stderr"}
    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of passes without a field here

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Observation:
        """Read what a worker wrote; unknown parts are an error (TypeError)."""
        fields = {field.name for field in dataclass_fields(Observation)}
        others = {part for row in PASSES for part in row.writes} - fields
        parts = {name: part for name, part in data.items() if name in others}
        known = {name: part for name, part in data.items() if name not in others}
        return Observation(**{"parts": parts, **known, "passes": tuple(data["passes"])})

    def to_json(self) -> dict[str, Any]:
        """Inverse of `from_json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A named number.

    `value` is None where there is none, and `reason` then says why: zero is
    never "unknown". `low` and `high` are the 95% interval; `interval` names
    what it spans ("between processes", "within process", "paired bootstrap").
    `kind` says what an accuracy number was measured against ("labels",
    "fp32 twin").
    """

    value: float | None
    unit: str  # "s", "B", "instructions", "ratio", "dB", "samples/s", "1"
    direction: str  # which way is better: "lower" | "higher" | "none"
    low: float | None = None
    high: float | None = None
    interval: str = ""
    n: int = 0  # samples behind the value
    kind: str = ""
    reason: str = ""  # for people: nothing is decided by it
    absence: Absence = Absence.OTHER  # why there is no value
    needed: int = 0  # calls of a process that a value takes, where there were too few


@dataclass(frozen=True, slots=True)
class RuntimeUsed:
    """The runtime that ran a case, as it was read back; a text is empty where it is not known."""

    distribution: str = ""
    version: str = ""
    build: str = ""
    requirement: str = ""  # what installs it, where it has a folder of its own
    sha256: str = ""  # of its wheel

    def __bool__(self) -> bool:
        """Whether one ran."""
        return bool(self.version)

    def __str__(self) -> str:
        """Name it: ``onnxruntime 1.32.0``; empty where none ran."""
        return f"{self.distribution or 'onnxruntime'} {self.version}" if self else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One case of one run: what was asked, what was in effect, what came out."""

    run: str  # identifier of the run, sorts by time
    suite: str
    case: str  # the case's key
    axes: Mapping[str, str | int | None]  # every axis as asked, defaults included
    status: Status
    reason: str = ""  # empty where ok
    notes: tuple[str, ...] = ()  # what a reader of the number must know
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)  # session, load, sampling in full
    effective: Mapping[str, Any] = field(default_factory=dict)  # the same, as read back
    artifact: Mapping[str, Any] = field(default_factory=dict)  # Built.to_json()
    environment: Mapping[str, Any] = field(default_factory=dict)
    machine: str = ""  # machine identity, stable over kernel and RAM changes
    started_at: str = ""  # ISO 8601, UTC
    duration_s: float = 0.0
    samples: Mapping[str, Any] = field(default_factory=dict)  # raw: "latency_ns": [[...] a process], ...
    stdout: str = ""  # tail of what the runtime printed, in the process that decided the status
    stderr: str = ""  # the same
    schema: int = SCHEMA
    note_kinds: tuple[NoteKind, ...] = ()  # of `notes`, one each; empty in records from before
    note_shorts: tuple[str, ...] = ()  # what each of `notes` begins with, short enough for a cell; or empty

    def typed_notes(self) -> tuple[Note, ...]:
        """Return the notes with their kinds and short forms."""
        kinds = self.note_kinds or (NoteKind.OTHER,) * len(self.notes)
        shorts = self.note_shorts or ("",) * len(self.notes)
        return tuple(
            Note(kind, text[len(short) :].removeprefix(": "), short)
            for kind, text, short in zip(kinds, self.notes, shorts, strict=True)
        )

    @property
    def runtime(self) -> RuntimeUsed:
        """The runtime in effect."""
        found, installed = _part(self.effective, "runtime"), _part(self.effective, "installed")
        texts = [found.get(name) for name in ("distribution", "version", "build")]
        texts += [installed.get(name) for name in ("requirement", "sha256")]
        return RuntimeUsed(*(str(text or "") for text in texts))

    @property
    def session(self) -> Mapping[str, Any]:
        """The session as it was read back: options, providers, cores, shapes; empty where there was none."""
        return _part(self.effective, "session")

    @property
    def options(self) -> Mapping[str, Any]:
        """The session's options in effect: graph_opt, execution_mode, threads, config."""
        return _part(self.session, "options")

    @property
    def cores(self) -> tuple[int, ...]:
        """The cores that the worker was pinned to; empty where it is not known."""
        return tuple(self.session.get("cores") or ())

    @property
    def data(self) -> Mapping[str, Any]:
        """The data that outputs were judged on: name and sha256; empty for drawn inputs."""
        return _part(self.effective, "data")

    @property
    def feeds(self) -> str | None:
        """What kind of inputs the calls were fed with; None where it is not known."""
        kind: str | None = _part(self.effective, "feeds").get("kind")
        return kind

    @property
    def sampling(self) -> Mapping[str, Any]:
        """How it was to be sampled."""
        return _part(self.asked, "sampling")

    @property
    def load(self) -> Mapping[str, Any]:
        """How it was to be driven: batch, shapes, io."""
        return _part(self.asked, "load")

    @property
    def model_sha256(self) -> str | None:
        """The hash of the model file; None where none was built."""
        sha256: str | None = self.artifact.get("sha256")
        return sha256

    @property
    def cpu(self) -> Mapping[str, Any]:
        """The processor and its settings: name, governor, turbo."""
        return _part(self.environment, "cpu")

    def to_json(self) -> dict[str, Any]:
        """Plain data: exactly the stored schema."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Record:
        """Inverse of `to_json`. Raises KeyError or TypeError on data of another schema."""
        return Record(
            **{
                **data,
                "status": Status(data["status"]),
                "notes": tuple(data["notes"]),
                "note_kinds": tuple(map(NoteKind, data.get("note_kinds", ()))),
                "note_shorts": tuple(data.get("note_shorts", ())),
                "metrics": {name: _metric(metric) for name, metric in data["metrics"].items()},
            }
        )


def _metric(data: Mapping[str, Any]) -> Metric:
    return Metric(**{**data, "absence": Absence(data.get("absence", ""))})


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a part of stored data; an empty one where there is none."""
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}
