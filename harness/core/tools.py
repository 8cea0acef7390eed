"""Which versions a tool is installed with: one row a tool, each in a folder of its own.

A tool writes or changes model files: a converter with the framework that it
converts from, an optimizer, a quantizer. It is installed with all that it
needs, on demand, and only the process that runs it has it on its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from harness.core.registry import closest
from harness.core.requirement import check_version

FORM = "expected a version of one tool such as skl2onnx==1.20.0"
PIN_FORM = "expected one version of one package such as scikit-learn==1.9.1"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tool:
    """A distribution that is installed with all that it needs."""

    distribution: str
    version: str
    package: str  # as it is imported
    beside: tuple[str, ...] = ()  # pins: the framework, and what would be too new otherwise
    converts: bool = False  # it writes the model of a source that is called as it is
    options: tuple[str, ...] = ()  # that such a source takes, beside the function
    kind: ClassVar[str] = "tools"
    wheel: ClassVar[str] = ""
    whole: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"{self.distribution}=={self.version}"

    @property
    def identity(self) -> list[str]:
        """What its content depends on beside its own version."""
        return list(self.beside)

    def with_version(self, version: str, pins: Iterable[str] = ()) -> Tool:
        """Return it in another version, `pins` in place of those of the same packages or beside them."""
        named = {pin.partition("==")[0]: pin for pin in (*self.beside, *pins)}
        return replace(self, version=version, beside=tuple(named.values()))

    def to_json(self) -> dict[str, Any]:
        """Plain data, as it is part of what determines a file."""
        return {"requirement": str(self), "beside": list(self.beside)}


_ONNX = ("onnx==1.23.2", "protobuf==6.33.6")
# onnxmltools imports packaging, and does not say so
_BOOSTED = ("skl2onnx==1.20.0", "scikit-learn==1.9.1", *_ONNX, "packaging==26.4")
_TENSORFLOW = ("tensorflow-cpu==2.21.0", "keras==3.15.1", *_ONNX)

TOOLS: Mapping[str, Tool] = {
    # under protobuf 7 skl2onnx 1.20 does not convert HistGradientBoosting
    "sklearn": Tool("skl2onnx", "1.20.0", "skl2onnx", ("scikit-learn==1.9.1", *_ONNX), True, ("zipmap",)),
    # xgboost itself would bring some 300 MB for GPUs
    "xgboost": Tool("onnxmltools", "1.16.0", "onnxmltools", ("xgboost-cpu==3.2.0", *_BOOSTED), True),
    "lightgbm": Tool(
        "onnxmltools", "1.16.0", "onnxmltools", ("lightgbm==4.7.0", *_BOOSTED), True, ("zipmap",)
    ),
    "keras": Tool("tf2onnx", "1.17.0", "tf2onnx", _TENSORFLOW, True),
    "tensorflow": Tool("tf2onnx", "1.17.0", "tf2onnx", _TENSORFLOW, True),
    "jax": Tool("jax2onnx", "0.17.1", "jax2onnx", ("jax==0.10.2", "onnx==1.23.2"), True),
    "onnxoptimizer": Tool("onnxoptimizer", "0.4.2", "onnxoptimizer", _ONNX),
    "onnxsim": Tool("onnxsim", "0.8.1", "onnxsim", _ONNX),
    "onnxslim": Tool("onnxslim", "0.1.98", "onnxslim", _ONNX),
}
"""Name, as sources and settings call it -> what is installed."""


def brings_rows(source: str) -> bool:
    """Return whether a source of this kind comes with rows of its own, and with labels where it has them."""
    return source in TOOLS and TOOLS[source].converts


def tool(name: str) -> Tool:
    """Return the tool of this name. Raises ValueError."""
    if name not in TOOLS:
        raise ValueError(f"unknown tool {name!r}: {closest(name, TOOLS)}")
    return TOOLS[name]


def converter_of(name: str, requirement: str | None, packages: Iterable[str] = ()) -> Tool:
    """Return the tool `name` as a suite asks for it: ``name==version``, None for the table's, and packages.

    Raises ValueError.
    """
    found = tool(name)
    if requirement is None:
        return found
    _, version = split(requirement, (found.distribution,))
    return found.with_version(version, packages)


def split(text: str, distributions: Iterable[str] | None = None) -> tuple[str, str]:
    """Check ``name==version`` and return both; the name is one of `distributions`, where they are given.

    Raises ValueError, which leaves out with which text.
    """
    form = FORM if distributions is not None else PIN_FORM
    name, equals, version = text.partition("==")
    if not equals or not _NAME.fullmatch(name):
        raise ValueError(form)
    if distributions is not None and name not in (known := sorted(set(distributions))):
        raise ValueError(f"unknown tool {name!r}: {closest(name, known)}")
    check_version(name, version, form)
    return name, version
