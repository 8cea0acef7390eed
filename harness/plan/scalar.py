"""Types of single values: pydantic's own, with words for what was expected.

A type here is annotated twice over: by pydantic's constraints, from which the
JSON schema is made, and by how a mistake is worded (`Expect`, `Choice`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union

from annotated_types import GroupedMetadata, Interval
from pydantic import (
    AfterValidator,
    AllowInfNan,
    BeforeValidator,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    Tag,
    ValidationError,
    ValidationInfo,
)
from pydantic import Strict as Exact
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from harness.core.case import shown
from harness.core.conditions import spell
from harness.core.registry import Registry, closest
from harness.core.units import parse_bytes, parse_ratio, parse_seconds
from harness.plan.document import shorten


class Expected(ValueError):
    """What a value should have been; whoever reports it adds what it was."""


@dataclass(frozen=True, slots=True)
class Expect:
    """Word any mistake in a value as what was expected; `detail` replaces that for text."""

    what: str
    detail: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: Any, check: Callable[[Any], Any]) -> Any:
        try:
            return check(value)
        except ValidationError:
            detail = self.detail if isinstance(value, str) else ""
            raise Expected(f"expected {detail or self.what}") from None


@dataclass(frozen=True, slots=True)
class Choice:
    """Take one of `known`, of the names in `registry`, or of the `numbers` that stand for known names.

    Other packages add names to a registry. A file that uses one is not wrong
    in an editor that does not know the package, so the JSON schema lists the
    names and takes any text.
    """

    kind: str
    known: tuple[str, ...] = ()
    registry: Registry | None = None
    numbers: tuple[int, ...] = ()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        names = {"enum": [*self.builtin, *self.numbers]}
        return {"anyOf": [names, {"type": "string"}]} if self.registry else names

    def check(self, value: Any) -> Any:
        """Return `value`. Raises ValueError with the closest name."""
        if isinstance(value, str):
            names = [*self.known, *(self.registry or ())] if value not in self.builtin else [value]
            if value not in names:
                raise ValueError(f"unknown {self.kind} {shorten(repr(value))}: {closest(value, names)}")
        elif type(value) is not int or value not in self.numbers:
            numbers = f", or {', '.join(map(str, self.numbers))}" if self.numbers else ""
            raise Expected(f"expected one of {', '.join(self.builtin)}{numbers}")
        return value

    @property
    def builtin(self) -> tuple[str, ...]:
        """The names that the harness itself brings."""
        return (*self.known, *(self.registry.builtin if self.registry else ()))


@dataclass(frozen=True, slots=True)
class Integer(GroupedMetadata):
    """Take an integer in [low, high]; YAML's booleans are none."""

    low: int
    high: int

    def __iter__(self) -> Iterator[object]:
        yield Exact()
        yield Interval(ge=self.low, le=self.high)
        yield Expect(f"an integer from {self.low} to {self.high}")


@dataclass(frozen=True, slots=True)
class Quantity:
    """Take a number, or text with a unit that `parse` knows, in [low, high]."""

    parse: Callable[[Any], float]
    expected: str
    units: str
    low: float = -math.inf
    high: float = math.inf

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        number = core_schema.float_schema(strict=True, allow_inf_nan=False)
        return core_schema.no_info_before_validator_function(self.check, number)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return self.schema()

    def schema(self) -> JsonSchemaValue:
        """Return the JSON schema: the bounds of a number, and the form of text."""
        bounds = {"minimum": self.low, "maximum": self.high}
        number = {"type": "number", **{key: item for key, item in bounds.items() if math.isfinite(item)}}
        if not self.units:
            return number
        sign = r"\+?" if self.low >= 0 else "[+-]?"
        text = rf"{sign}{_NUMBER}\s*({self.units})?"
        if self.units == "%" and self.low >= 0 and self.high <= 1:
            text = rf"{sign}({_PERCENT}\s*%|{_SHARE})"
        return {"anyOf": [number, {"type": "string", "pattern": rf"^\s*{text}\s*$"}]}

    def check(self, value: Any) -> float:
        """Return `value` in the unit that all is computed in. Raises Expected."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise Expected(f"expected {self.expected}")
        try:
            size = float(self.parse(value))
        except (ValueError, OverflowError):
            raise Expected(f"expected {self.expected}") from None
        if not (math.isfinite(size) and self.low <= size <= self.high):
            raise Expected(f"expected {self.expected}{_range(self.low, self.high)}")
        return size


def seconds(low: float = 0.0, high: float = 30 * 86400.0) -> Quantity:
    """Annotate a duration in [low, high] seconds, written as a number or with a unit."""
    return Quantity(parse_seconds, "a duration such as 2, '1.5 s' or '200 ms'", _SECONDS, low, high)


def ratio(low: float, high: float) -> Quantity:
    """Annotate a ratio in [low, high], written as a plain number or in percent."""
    return Quantity(parse_ratio, "a ratio such as '3%' or 0.03", "%", low, high)


def quantity(unit: str, low: float, high: float) -> Quantity:
    """Annotate a value in [low, high] of a metric of `unit`."""
    return Quantity(*_UNITS.get(unit, (_number, "a number", "")), low, high)


def _number(value: Any) -> float:
    if isinstance(value, str):
        raise ValueError
    return float(value)


def _range(low: float, high: float) -> str:
    least = f", at least {low:.10g}" if low > -math.inf else ""
    return f"{least}, at most {high:.10g}" if high < math.inf else least


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError
    return value


@dataclass(frozen=True, slots=True)
class _ScalarOrList:
    """Take a list that is not empty, or a scalar that stands for a list of one."""

    unique: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_listed, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        several = handler(schema)
        unique = {"uniqueItems": True} if self.unique else {}
        return {"anyOf": [several["items"], {**several, "minItems": 1, **unique}]}


def one_or_more(kind: Any) -> Any:
    """Make the type of a list of `kind`, or of a scalar that stands for one."""
    return Annotated[tuple[kind, ...], _ScalarOrList()]


def distinct(kind: Any) -> Any:
    """Make the type of an axis's values, no two of them shown alike; the field is named after the axis."""
    return Annotated[tuple[kind, ...], _ScalarOrList(unique=True), AfterValidator(_distinct)]


def _listed(value: Any) -> Any:
    if value == []:
        raise Expected("expected at least one value")
    return value if isinstance(value, list) else [value]


def _distinct(values: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
    seen: set[str] = set()
    for value in values:
        text = spell(shown(info.field_name or "", value))
        if text in seen:
            raise ValueError(f"{text!r} is there twice")
        seen.add(text)
    return values


@dataclass(frozen=True, slots=True)
class NotEmpty:
    """Take a mapping that is not empty."""

    expected: str = "a mapping with at least one entry"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "minProperties": 1}

    def _check(self, value: Any) -> Any:
        if not isinstance(value, dict) or not value:
            raise Expected(f"expected {self.expected}")
        return value


def either(pick: Callable[[Any], str | None], what: str, **kinds: Any) -> Any:
    """Make a union of which `pick` names the member that a value is meant for; None: of none."""
    members = [Annotated[kind, Tag(f"({name})")] for name, kind in kinds.items()]

    def tag(value: Any) -> str | None:
        name = pick(value)
        return name and f"({name})"

    return Annotated[
        Union[tuple(members)],  # noqa: UP007 (made of a list)
        Discriminator(tag, custom_error_type="expected", custom_error_message=f"expected {what}"),
    ]


def _as_text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError
    return str(value)


_NUMBER = r"\d+(\.\d+)?([eE][+-]?\d+)?"
_PERCENT = r"(0*\d{1,2}(\.\d+)?|0*100(\.0+)?|\d+(\.\d+)?[eE][+-]?\d+)"
_SHARE = r"(0+(\.\d+)?|0*1(\.0+)?|\d+(\.\d+)?[eE][+-]?\d+)"
_SECONDS = "ns|us|µs|ms|s|min|h"

_UNITS: Mapping[str, tuple[Callable[[Any], float], str, str]] = {
    "s": (parse_seconds, "a duration such as '5 ms'", _SECONDS),
    "B": (parse_bytes, "a size such as '10 MB'", "B|kB|MB|GB|KiB|MiB|GiB"),
    "ratio": (parse_ratio, "a ratio such as '98%' or 0.98", "%"),
}

NAME = r"^[^\s/=,]([^/=,]*[^\s/=,])?$"

Name = Annotated[
    str,
    Exact(),
    StringConstraints(pattern=NAME),
    AfterValidator(_printable),
    Expect("a name", "a name: printable text without / = , and without blanks around it"),
]
"""A name that keys, tables and command lines can carry."""

Text = Annotated[str, Exact(), StringConstraints(pattern=r"\S"), Expect("text")]
"""Text that is not blank, on one line or more."""

Boolean = Annotated[bool, Exact(), Expect("true or false")]
Number = Annotated[float, Exact(), AllowInfNan(False), Expect("a number")]

Values = Annotated[
    Number | Annotated[list[Number | Text], Field(min_length=1)],
    Expect("a number, or a list of numbers and names of dimensions"),
]
"""One value for all elements of an input, or one for each; a dimension stands for its size."""

OptionText = Annotated[
    str,
    BeforeValidator(_as_text, json_schema_input_type=str | float),
    Expect("text, in quotes, as ONNX Runtime should get it"),
]
"""An option of a provider or of a session; a number becomes text."""
