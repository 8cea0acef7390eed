"""What is measured: Case = Artifact x Session x Load.

Everything here is frozen and hashable. A case's key names it in every run,
trend and report; an axis left at its default is not in the key, so that a new
axis never orphans old trends::

    digits_cnn/opset=17/precision=int8_static/intra_threads=1/batch=32

An axis is a field of Artifact, Session or Load, declared there and nowhere
else in this file: keys, tables and conditions take it up by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
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
    """Where a model comes from: a `kind` (onnx, zoo, torch, sklearn, ...) and its options."""

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
    Of a model that is `cut`, `data` is that of the whole one: what its tensors
    hold there is recorded, and fed to the part.
    """

    name: str
    source: Source
    data: DataRef | None = None
    task: str | None = None  # "classification" | "regression" | None (by the labels' type)
    output: str | None = None
    batch_dim: str | None = None
    shapes: Frozen = ()
    inputs: Frozen = ()
    tolerance: Frozen = ()  # what outputs may differ by, in place of the limits of their precisions
    cut: Frozen = ()  # ``{"inputs": [...], "outputs": [...]}``: only what lies between these tensors


CURRENT = "current"
"""The ONNX Runtime that is installed here."""

FP32 = Named("fp32", "fp32")
CPU = Named("cpu", "cpu")
NO_CONFIG = Named("default", "config")
NO_CONVERTER = Named("default", "converter")
NO_OPTIMIZER = Named("none", "none")
NO_SHAPES = Named("default", "shapes")


def shown(axis: str, value: Any) -> str | int | None:
    """Give an axis value as keys, tables and conditions show it: by its name.

    A wheel is shown by its file's name, the same on every machine.
    """
    if isinstance(value, Named):
        return value.name
    text: str | int | None = value.rpartition("/")[2] if axis == "runtime" else value
    return text


class _Part:
    """A part of a case. Its fields that have a default are its axes, but for those marked `_NO_AXIS`."""

    __slots__ = ()

    @property
    def axes(self) -> dict[str, str | int | None]:
        """The axes that this part sets, with their values as `shown`."""
        return {axis: shown(axis, getattr(self, axis)) for axis in PARTS[type(self)]}

    @property
    def settings(self) -> dict[str, str | int | None]:
        """The axes of this part whose values are plain: no name stands for options."""
        values = {axis: getattr(self, axis) for axis in PARTS[type(self)]}
        return {axis: value for axis, value in values.items() if not isinstance(value, Named)}

    def _make_key(self, **instead: str | int | None) -> None:
        """Join the axes that are not at their default; `instead` replaces values."""
        defaults, values = PARTS[type(self)], {**self.axes, **instead}
        key = "/".join(
            f"{axis}={value}" for axis, value in values.items() if value != shown(axis, defaults[axis])
        )
        object.__setattr__(self, "key", key)


_NO_AXIS = {"axis": False}


@dataclass(frozen=True, slots=True)
class Artifact(_Part):
    """One model file and how it comes to be. Built once, cached by content."""

    model: Model
    exporter: str | Named | None = None  # "dynamo" (the default of torch) | "torchscript"; None: none
    opset: int | None = None  # None: as the source has it
    precision: Named = FP32
    format: str = "onnx"  # "onnx" | "ort"
    converter: Named = NO_CONVERTER  # of a source that a tool converts; its kind: name==version
    optimizer: Named = NO_OPTIMIZER  # of the FP32 model; its kind: a name, or name==version of a tool
    quantizer: str = CURRENT  # whose tools convert: or a requirement such as onnxruntime==1.20.1
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._make_key(exporter=None if self.exporter == "dynamo" else shown("exporter", self.exporter))


@dataclass(frozen=True, slots=True)
class Session(_Part):
    """How a model is loaded. Threads of 0 mean: as many as the cores it is given."""

    runtime: str = CURRENT  # or a requirement such as "onnxruntime==1.22.1", or a wheel's absolute path
    provider: Named = CPU
    graph_opt: str = "all"  # "disable" | "basic" | "extended" | "all"
    execution_mode: str = "sequential"  # "sequential" | "parallel"
    intra_threads: int = 0
    inter_threads: int = 0
    config: Named = NO_CONFIG
    alias: str = field(default="", metadata=_NO_AXIS)  # what keys call a runtime whose version moves
    custom_ops: Frozen = field(default=freeze([]), metadata=_NO_AXIS)  # libraries, absolute paths
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._make_key(runtime=self.runtime_name)

    @property
    def runtime_name(self) -> str:
        """The runtime as keys show it: its alias, or else as every axis is shown."""
        return self.alias or str(shown("runtime", self.runtime))


@dataclass(frozen=True, slots=True)
class Load(_Part):
    """How a model is driven."""

    batch: int = 1
    shapes: Named = NO_SHAPES
    io: str = "iobinding"  # "iobinding" | "run"
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._make_key()


def _axes(part: type[Artifact | Session | Load]) -> dict[str, Any]:
    """Give the axes that `part` sets, with their defaults."""
    return {
        item.name: item.default
        for item in fields(part)
        if item.init and item.default is not MISSING and item.metadata.get("axis", True)
    }


PARTS: Mapping[type, Mapping[str, Any]] = {part: _axes(part) for part in (Artifact, Session, Load)}
"""Part of a case -> the axes that it sets -> their defaults."""

DEFAULTS: Mapping[str, Any] = {axis: default for part in PARTS.values() for axis, default in part.items()}

AXES = tuple(DEFAULTS)
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
        return {
            "model": self.artifact.model.name,
            **self.artifact.axes,
            **self.session.axes,
            "runtime": self.session.runtime_name,
            **self.load.axes,
        }
