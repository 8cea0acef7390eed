"""What is measured: Case = Artifact x Session x Load.

Everything here is frozen and hashable. A case's key names it in every run,
trend and report; an axis left at its default is not in the key, so that a new
axis never orphans old trends::

    digits_cnn/opset=17/precision=int8_static/intra_threads=1/batch=32
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

Frozen = tuple[tuple[str, Any], ...]
"""A mapping as sorted pairs: hashable, and the same whatever the order it was written in."""


def freeze(value: Any) -> Any:
    """Turn nested mappings and lists into nested tuples; the inverse of `thaw`."""
    if isinstance(value, Mapping):
        return tuple((str(key), freeze(value[key])) for key in sorted(value, key=str))
    if isinstance(value, list | tuple):
        return ("[]", *(freeze(item) for item in value))
    return value


def thaw(value: Any) -> Any:
    """Turn what `freeze` made back into plain dicts and lists."""
    if not isinstance(value, tuple):
        return value
    if value[:1] == ("[]",):
        return [thaw(item) for item in value[1:]]
    return {key: thaw(item) for key, item in value}


def plain(value: Any) -> Any:
    """Turn a noun of this file into plain data for JSON: what was asked for, in full."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value) if item.init}
    return thaw(value)


def _key(parts: Iterable[tuple[str, Any, Any]]) -> str:
    """Join the axes that are not at their default: (axis, value, default)."""
    return "/".join(f"{axis}={value}" for axis, value, default in parts if value != default)


@dataclass(frozen=True, slots=True)
class Named:
    """An axis value that has a name of its own.

    `kind` is what the name stands for (a precision's method, a provider);
    `options` refine it.
    """

    name: str
    kind: str
    options: Frozen = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from: a `kind` (onnx, zoo, torch, fake) and its options."""

    kind: str
    options: Frozen


@dataclass(frozen=True, slots=True)
class DataRef:
    """Which data a model is fed and judged with: a catalogue name or an .npz file."""

    kind: str  # "catalogue" | "npz"
    location: str  # the catalogue's name, or an absolute path
    calibration: int = 128  # samples set apart for calibration, never evaluated


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a suite.

    `shapes` binds symbolic dimensions by name; `inputs` overrides how an
    input's random feed is drawn (``{"ids": {"low": 0, "high": 1000}}``);
    `batch_dim` names the dimension that the batch axis drives where it is
    not the first one of the inputs; `output` names the output that counts.
    """

    name: str
    source: Source
    data: DataRef | None = None
    task: str | None = None  # "classification" | "regression" | None (by the labels' type)
    output: str | None = None
    batch_dim: str | None = None
    shapes: Frozen = ()
    inputs: Frozen = ()


FP32 = Named("fp32", "fp32")
CPU = Named("cpu", "cpu")
NO_CONFIG = Named("default", "config")
NO_SHAPES = Named("default", "shapes")


@dataclass(frozen=True, slots=True)
class Artifact:
    """One model file and how it comes to be. Built once, cached by content."""

    model: Model
    exporter: str | None = None  # "dynamo" (a torch source's default) | "torchscript"; None: not exported
    opset: int | None = None  # None: as the source has it
    precision: Named = FP32
    format: str = "onnx"  # "onnx" | "ort"
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "key",
            _key(
                (
                    ("exporter", None if self.exporter == "dynamo" else self.exporter, None),
                    ("opset", self.opset, None),
                    ("precision", self.precision.name, "fp32"),
                    ("format", self.format, "onnx"),
                )
            ),
        )


@dataclass(frozen=True, slots=True)
class Session:
    """How a model is loaded. Threads of 0 mean: as many as the cores it is given."""

    runtime: str = "current"  # or a requirement such as "onnxruntime==1.22.1", or a wheel's absolute path
    provider: Named = CPU
    graph_opt: str = "all"  # "disable" | "basic" | "extended" | "all"
    execution_mode: str = "sequential"  # "sequential" | "parallel"
    intra_threads: int = 0
    inter_threads: int = 0
    config: Named = NO_CONFIG
    alias: str = ""  # what keys call the runtime, where that stays the same while its version moves
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "key",
            _key(
                (
                    ("runtime", self.runtime_name, "current"),
                    ("provider", self.provider.name, "cpu"),
                    ("graph_opt", self.graph_opt, "all"),
                    ("execution_mode", self.execution_mode, "sequential"),
                    ("intra_threads", self.intra_threads, 0),
                    ("inter_threads", self.inter_threads, 0),
                    ("config", self.config.name, "default"),
                )
            ),
        )

    @property
    def runtime_name(self) -> str:
        """The runtime as keys show it: its alias; of a wheel, the file's name, the same on every machine."""
        return self.alias or self.runtime.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Load:
    """How a model is driven."""

    batch: int = 1
    shapes: Named = NO_SHAPES
    io: str = "iobinding"  # "iobinding" | "run"
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "key",
            _key(
                (
                    ("batch", self.batch, 1),
                    ("shapes", self.shapes.name, "default"),
                    ("io", self.io, "iobinding"),
                )
            ),
        )


AXES = (
    "exporter",
    "opset",
    "precision",
    "format",
    "runtime",
    "provider",
    "graph_opt",
    "execution_mode",
    "intra_threads",
    "inter_threads",
    "config",
    "batch",
    "shapes",
    "io",
)
"""Every axis, in the order in which keys and tables show them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of a sweep: what identifies a trend."""

    artifact: Artifact
    session: Session
    load: Load

    @property
    def key(self) -> str:
        """The readable, stable name of this case."""
        parts = (self.artifact.model.name, self.artifact.key, self.session.key, self.load.key)
        return "/".join(part for part in parts if part)

    @property
    def axes(self) -> dict[str, str | int | None]:
        """Every axis by name, the model first, defaults included."""
        artifact, session, load = self.artifact, self.session, self.load
        return {
            "model": artifact.model.name,
            "exporter": artifact.exporter,
            "opset": artifact.opset,
            "precision": artifact.precision.name,
            "format": artifact.format,
            "runtime": session.runtime_name,
            "provider": session.provider.name,
            "graph_opt": session.graph_opt,
            "execution_mode": session.execution_mode,
            "intra_threads": session.intra_threads,
            "inter_threads": session.inter_threads,
            "config": session.config.name,
            "batch": load.batch,
            "shapes": load.shapes.name,
            "io": load.io,
        }
