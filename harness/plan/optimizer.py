"""The axis optimizer, as suites write it: ``{short: {optimizer: onnxoptimizer, passes: [...]}}``."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from harness.core import tools
from harness.core.case import NO_OPTIMIZER, Named, freeze
from harness.core.registry import closest
from harness.core.vocabulary import OPTIMIZERS, ORT_LEVELS
from harness.plan.option import own, pick_form
from harness.plan.scalar import Choice, Expect, Name, Text, either
from harness.plan.strict import Strict

FORM = "an optimizer such as onnxsim, or a version of its tool such as onnxsim==0.8.1"
_OF_TOOLS = tuple(name for name in OPTIMIZERS if name != "ort")
_PATTERN = f"^(%s{'|'.join(OPTIMIZERS)}|({'|'.join(_OF_TOOLS)})==.+)$"


def _kind(text: str) -> str:
    """Check a name, or a tool's name==version."""
    if "==" in text:
        tools.split(text, _OF_TOOLS)
    elif text not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {text!r}: {closest(text, (NO_OPTIMIZER.name, *OPTIMIZERS))}")
    return text


def _plain(text: str) -> Named:
    return NO_OPTIMIZER if text == NO_OPTIMIZER.name else Named(_kind(text), text)


_ONLY_OF = {"passes": "onnxoptimizer", "level": "ort"}


class OptimizerOptions(Strict):
    """An optimizer with its options."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentSchemas": {
                option: {"properties": {"optimizer": {"pattern": f"^{name}(==|$)"}}}
                for option, name in _ONLY_OF.items()
            }
        }
    )

    optimizer: Annotated[
        str,
        Expect(FORM),
        AfterValidator(_kind),
        WithJsonSchema({"type": "string", "pattern": _PATTERN % ""}),
    ] = Field(description="Its name, or the version of its tool as name==version.")
    passes: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        None, description="Of onnxoptimizer: the passes, by name; default: those that it runs by itself."
    )
    level: Annotated[str, Choice("level", tuple(ORT_LEVELS))] | None = Field(
        None, description="Of ort: the level; default: extended."
    )

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        for option, name in _ONLY_OF.items():
            if getattr(self, option) is not None and self.optimizer.partition("==")[0] != name:
                raise ValueError(f"{option} is an option of {name}, not of {self.optimizer}")
        return self

    def named(self) -> Named:
        """Give the noun that builds use; the name of its own is filled in later."""
        options = self.model_dump(exclude_none=True, exclude={"optimizer"})
        return Named("", self.optimizer, freeze(options) if options else ())


def _taken(name: str) -> bool:
    return name in (NO_OPTIMIZER.name, *OPTIMIZERS)


Optimizer = either(
    pick_form,
    f"none, {', '.join(OPTIMIZERS)}, a version of a tool as name==version, or one with options under a name",
    name=Annotated[
        str, AfterValidator(_plain), WithJsonSchema({"type": "string", "pattern": _PATTERN % "none|"})
    ],
    named=Annotated[
        dict[Name, Annotated[OptimizerOptions, AfterValidator(OptimizerOptions.named)]],
        Field(
            min_length=1,
            max_length=1,
            json_schema_extra={
                "not": {"anyOf": [{"required": [name]} for name in (NO_OPTIMIZER.name, *OPTIMIZERS)]}
            },
        ),
        AfterValidator(lambda value: own(value, _taken)),
    ],
)
