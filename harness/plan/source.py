"""Where a model and its data come from, as suites write it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema, create_model
from pydantic import Strict as Exact

from harness.core.case import DataRef, Source, freeze
from harness.core.plugins import CATALOGUE, SOURCES
from harness.core.tools import TOOLS, Tool
from harness.core.vocabulary import ZOO
from harness.plan.scalar import Boolean, Choice, Expect, Integer, Text, either
from harness.plan.strict import Strict

MAX_SAMPLES = 10**7

_MODULE = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_FUNCTION = rf"^({_MODULE}|[^\x00]+\.py):[^\W\d]\w*$"


class OnnxSource(Strict):
    """An ONNX file; external data beside it is found."""

    onnx: Text

    def source(self) -> Source:
        """Give the noun that builds use; the path is absolute by now."""
        return _source("onnx", path=self.onnx)


class ZooSource(Strict):
    """An architecture of the onnx wheel, with seeded random weights."""

    zoo: Annotated[str, Choice("zoo model", ZOO)]

    def source(self) -> Source:
        """Give the noun that builds use."""
        return _source("zoo", name=self.zoo)


Function = Annotated[
    str, Exact(), StringConstraints(pattern=_FUNCTION), Expect("module:function or file.py:function")
]


class TorchSource(Strict):
    """A function that returns a module and example inputs: module:function or file.py:function."""

    torch: Function

    def source(self) -> Source:
        """Give the noun that builds use."""
        return _source("torch", target=self.torch)


class ConvertedOptions(Strict):
    """A function that returns a fitted model and rows of its input, and how it is converted."""

    target: Function = Field(description="The function: module:function or file.py:function.")


_OPTIONS: dict[str, Any] = {
    "zipmap": (
        Boolean,
        Field(False, description="Whether a classifier gives its scores as maps by class."),
    )
}
"""Options of converters, by name."""


def _pick_converted(value: Any) -> str | None:
    if isinstance(value, dict):
        return "options"
    return "target" if isinstance(value, str) else None


def _entry(tool: Tool) -> Any:
    """Make the type of what is written under the name of a source that `tool` converts."""
    fields: dict[str, Any] = {name: _OPTIONS[name] for name in tool.options}
    options: Any = create_model(
        "".join(name.title() for name in (*tool.options, "ConvertedOptions")),
        __base__=ConvertedOptions,
        __doc__=ConvertedOptions.__doc__,
        **fields,
    )
    return either(
        _pick_converted,
        "module:function or file.py:function, or a mapping with target",
        target=Annotated[Function, AfterValidator(lambda target: {"target": target})],
        options=Annotated[options, AfterValidator(lambda item: item.model_dump(exclude_unset=True))],
    )


class ConvertedSource(Strict):
    """A function that returns a fitted model and rows of its input, and the labels if it has them."""

    def source(self) -> Source:
        """Give the noun that builds use: the one key is the kind."""
        ((kind, options),) = ((kind, getattr(self, kind)) for kind in type(self).model_fields)
        return _source(kind, **options)


def _converted(kind: str, tool: Tool) -> type[Strict]:
    """Make the type of a source that the tool of its name converts."""
    fields: dict[str, Any] = {kind: (_entry(tool), ...)}
    return create_model(
        f"{kind.title()}Source", __base__=ConvertedSource, __doc__=ConvertedSource.__doc__, **fields
    )


class FakeSource(Strict):
    """A stand-in with exact answers, for tests of the harness itself."""

    fake: Annotated[dict[str, Any], Expect("a mapping of what the fake engine answers")]

    def source(self) -> Source:
        """Give the noun that builds use."""
        return _source("fake", **self.fake)


_MODELS: dict[str, type[Strict]] = {
    "onnx": OnnxSource,
    "zoo": ZooSource,
    "torch": TorchSource,
    **{name: _converted(name, tool) for name, tool in TOOLS.items() if tool.converts},
    "fake": FakeSource,
}
"""Sources whose options are checked here; every other one checks its own."""


def _source(kind: str, /, **options: Any) -> Source:
    return Source(kind, freeze(options))


def _as_source(model: Any) -> Source:
    found: Source = model.source()
    return found


def _pick(value: Any) -> str | None:
    if not isinstance(value, dict) or len(value) != 1:
        return None
    kind = str(next(iter(value)))
    return kind if kind in _MODELS else "other"


def _other(value: dict[str, Any]) -> Source:
    ((kind, options),) = value.items()
    Choice("source", registry=SOURCES).check(kind)
    return Source(kind, freeze(options if isinstance(options, dict) else {"value": options}))


_OTHER = {
    "type": "object",
    "description": "A source of another package, with its options.",
    "minProperties": 1,
    "maxProperties": 1,
    "propertyNames": {"not": {"enum": list(_MODELS)}},
}

SourceEntry = either(
    _pick,
    f"one of {', '.join(SOURCES.builtin)}, such as {{onnx: model.onnx}}",
    **{kind: Annotated[model, AfterValidator(_as_source)] for kind, model in _MODELS.items()},
    other=Annotated[dict[str, Any], AfterValidator(_other), WithJsonSchema(_OTHER)],
)


class DataSchema(Strict):
    """Data in a file, with the number of samples set apart for calibration."""

    npz: Annotated[str, Exact(), StringConstraints(pattern=r"\.npz$"), Expect("the path of an .npz file")] = (
        Field(description="A file with one array for each input, and the labels under y.")
    )
    calibration: Annotated[int, Integer(1, MAX_SAMPLES)] = Field(
        DataRef("", "").calibration, description="Samples to calibrate on, never evaluated."
    )

    def data(self) -> DataRef:
        """Give the noun that builds use."""
        return DataRef("npz", self.npz, self.calibration)


def _pick_data(value: Any) -> str | None:
    if isinstance(value, dict):
        return "options"
    if isinstance(value, str):
        return "npz" if value.endswith(".npz") else "name"
    return None


DataEntry = either(
    _pick_data,
    "the name of a data set, the path of an .npz file, or a mapping with npz",
    options=Annotated[DataSchema, AfterValidator(DataSchema.data)],
    npz=Annotated[
        str, StringConstraints(pattern=r"\.npz$"), AfterValidator(lambda path: DataRef("npz", path))
    ],
    name=Annotated[
        str,
        Choice("data set", registry=CATALOGUE),
        AfterValidator(lambda name: DataRef("catalogue", name)),
    ],
)
