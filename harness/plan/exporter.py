"""The axis exporter, as suites write it: ``{unoptimized: {exporter: dynamo, optimize: false}}``."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from harness.core.case import Named, freeze
from harness.core.plugins import EXPORTERS
from harness.plan.option import own, pick_form
from harness.plan.scalar import Boolean, Choice, Integer, Name, Text, either
from harness.plan.strict import Strict

KNOWN = Choice("exporter", registry=EXPORTERS)

_ONLY_OF = {"optimize": "dynamo", "external_data": "dynamo", "constant_folding": "torchscript"}

MAX_AXIS = 15

Axes = Annotated[
    dict[Annotated[int, Integer(0, MAX_AXIS)], Text], Field(json_schema_extra={"minProperties": 1})
]


class ExporterOptions(Strict):
    """An exporter with its options; what is left out is as torch has it."""

    model_config = ConfigDict(
        json_schema_extra={
            "minProperties": 2,
            "dependentSchemas": {
                option: {"properties": {"exporter": {"const": name}}} for option, name in _ONLY_OF.items()
            },
        }
    )

    exporter: Annotated[str, KNOWN] = Field(description="Its name.")
    dynamic_shapes: dict[Text, Axes] | None = Field(
        None,
        description="Input to axis to the name of its symbolic dimension, in place of what the function "
        "says; {}: every size is fixed.",
    )
    optimize: Boolean | None = Field(None, description="Of dynamo: whether its own optimizer runs.")
    external_data: Boolean | None = Field(None, description="Of dynamo: whether weights lie in another file.")
    constant_folding: Boolean | None = Field(
        None, description="Of torchscript: whether what is constant is computed."
    )

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        for option, name in _ONLY_OF.items():
            if getattr(self, option) is not None and self.exporter != name:
                raise ValueError(f"{option} is an option of {name}, not of {self.exporter}")
        if self.model_fields_set == {"exporter"}:
            raise ValueError(f"there is no option: write {self.exporter} alone")
        return self

    def named(self) -> Named:
        """Give the noun that builds use; the name of its own is filled in later."""
        return Named("", self.exporter, freeze(self.model_dump(exclude_none=True, exclude={"exporter"})))


Exporter = either(
    pick_form,
    "the name of an exporter, or a mapping of one new name to an exporter with options",
    name=Annotated[str, KNOWN],
    named=Annotated[
        dict[Name, Annotated[ExporterOptions, AfterValidator(ExporterOptions.named)]],
        Field(
            min_length=1,
            max_length=1,
            json_schema_extra={"not": {"anyOf": [{"required": [name]} for name in EXPORTERS.builtin]}},
        ),
        AfterValidator(lambda value: own(value, lambda name: name in EXPORTERS)),
    ],
)
