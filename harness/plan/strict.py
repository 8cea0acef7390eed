"""Turn what pydantic finds wrong into problems: where, what was expected, what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from harness.core.errors import Problem
from harness.core.registry import closest
from harness.plan.document import KeyPath, Place, YamlDocument, shorten, spell_path
from harness.plan.scalar import Expected

_EXPECTED = {
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "string_unicode": "a name in UTF-8",
}
"""What pydantic expected, where no type of `harness.plan.scalar` words it."""


class Strict(BaseModel):
    """A mapping with known keys; an unknown one is answered with the closest."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="wrap")
    @classmethod
    def _answer_unknown_keys(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(value)
        except ValidationError as error:
            lines = [_with_closest(line, cls) for line in error.errors(include_url=False)]
            raise ValidationError.from_exception_data(cls.__name__, lines) from None


def strict_model(name: str, doc: str, fields: Mapping[str, Any]) -> type[Strict]:
    """Make a model of the types in `fields`, none of them required."""
    definitions: Any = {key: (annotation, None) for key, annotation in fields.items()}
    return create_model(name, __base__=Strict, __doc__=doc, **definitions)


def written(model: Strict) -> dict[str, Any]:
    """Give the fields that the suite names, and no defaults."""
    return {key: getattr(model, key) for key in type(model).model_fields if key in model.model_fields_set}


def problems(error: ValidationError, document: YamlDocument) -> Iterator[Problem]:
    """Give each mistake with the place in `document` where it was written."""
    for line in error.errors(include_url=False):
        path = _known(line["loc"], document.places)
        where = document.places.get(path, Place(""))
        yield Problem(where.file, where.line, spell_path(path), _message(line, where))


def _with_closest(line: ErrorDetails, model: type[BaseModel]) -> InitErrorDetails:
    """Rewrite the error about a key that `model` itself does not know; leave the others as they are."""
    kind, context = line["type"], line.get("ctx", {})
    if kind == "extra_forbidden" and len(line["loc"]) == 1:
        key = str(line["loc"][0])
        message = f"unknown key {shorten(repr(key))}: {closest(key, model.model_fields)}"
        kind, context = "unknown_key", {"message": message}
    elif kind == "expected":
        context = {"message": line["msg"]}
    own = kind in ("unknown_key", "expected")
    error = PydanticCustomError(kind, "{message}", context) if own else kind
    return InitErrorDetails(type=error, loc=line["loc"], input=line["input"], ctx=context)


def _known(loc: KeyPath, places: Mapping[KeyPath, Place]) -> KeyPath:
    """Cut a path down to what was written: neither an index of a scalar, a union's tag nor a missing key."""
    path: KeyPath = ()
    for part in loc:
        if (*path, part) in places:
            path = (*path, part)
    return path


def _message(line: ErrorDetails, where: Place) -> str:
    kind = line["type"]
    if kind == "unknown_key":
        return line["msg"]
    if kind == "missing":
        return f"missing key {line['loc'][-1]!r}"
    if kind == "expected":
        return f"{line['msg']}, got {_got(line['input'], where)}"
    if kind == "value_error":
        error = line["ctx"]["error"]
        return f"{error}, got {_got(line['input'], where)}" if isinstance(error, Expected) else str(error)
    return f"expected {_EXPECTED.get(kind, line['msg'])}, got {_got(line['input'], where)}"


def _got(value: Any, where: Place) -> str:
    """Describe a value; of YAML's own types with the text in the file."""
    text = shorten(where.text or str(value))
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {text}"
        case int() | float():
            return f"the number {text}"
        case str():
            return shorten(repr(value))
        case list():
            return "a list" if value else "an empty list"
        case _:
            return "a mapping" if value else "an empty mapping"
