"""What a suite may say: every key, and the check of its value.

docs/suites.md is the same for people; a test holds the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, create_model, model_validator

from harness.core.case import DataRef, Model, Source, freeze
from harness.core.passes import SWITCHES
from harness.core.suite import Measure, Sampling
from harness.plan import source as sources
from harness.plan.axes import axes
from harness.plan.gate import GateSchema
from harness.plan.option import dimensions
from harness.plan.scalar import Check, Expected, boolean, choice, integer, name, number, ratio, seconds, text
from harness.plan.strict import Strict, written
from harness.plan.when import condition, point

MAX_COUNT = 10**9
MAX_CORE = 65_535
MAX_PROCESSES = 1000

Name = Annotated[str, PlainValidator(name)]
Text = Annotated[str, PlainValidator(text)]
Boolean = Annotated[bool, PlainValidator(boolean)]
Number = Annotated[float, PlainValidator(number)]
Seconds = Annotated[float, PlainValidator(seconds())]
Calls = Annotated[int, PlainValidator(integer(1, MAX_COUNT))]
Axes = Annotated[dict[str, tuple[Any, ...]], PlainValidator(axes)]


def _or_null(check: Check) -> PlainValidator:
    return PlainValidator(lambda value: None if value is None else check(value))


def _not_empty(value: Any) -> Any:
    if not isinstance(value, dict) or not value:
        raise Expected("expected a mapping with at least one entry")
    return value


When = Annotated[dict[str, tuple[str, ...]], PlainValidator(condition), BeforeValidator(_not_empty)]


class InputSchema(Strict):
    """How random values for one input are drawn."""

    low: Number | None = None
    high: Number | None = None
    fill: Number | None = None

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.fill is not None and (self.low is not None or self.high is not None):
            raise ValueError("fill makes every value the same: low and high have no use beside it")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low is not below high")
        return self


class ModelSchema(Strict):
    """One model."""

    source: Annotated[Source, PlainValidator(sources.source)]
    data: Annotated[DataRef | None, PlainValidator(sources.data)] = None
    task: Annotated[str | None, PlainValidator(choice("task", ("classification", "regression")))] = None
    output: Text | None = None
    batch_dim: Text | None = None
    shapes: Annotated[dict[str, int], PlainValidator(dimensions)] = Field(default_factory=dict)
    inputs: dict[str, InputSchema] = Field(default_factory=dict)
    axes: Axes = Field(default_factory=dict)

    def model(self, name: str) -> Model:
        """Give the noun that the loops use."""
        return Model(
            name=name,
            source=self.source,
            data=self.data,
            task=self.task,
            output=self.output,
            batch_dim=self.batch_dim,
            shapes=freeze(self.shapes),
            inputs=freeze({key: item.model_dump(exclude_unset=True) for key, item in self.inputs.items()}),
        )


Duration = Annotated[float, PlainValidator(seconds(1e-6))]
CallsOrNull = Annotated[int | None, _or_null(integer(1, MAX_COUNT))]
SecondsOrNull = Annotated[float | None, _or_null(seconds(1e-6))]
RatioOrNull = Annotated[float | None, _or_null(ratio(1e-6, 0.99))]


class SamplingSchema(Strict):
    """How long a case is timed; what is left out is as in `Sampling`."""

    warmup_calls: Annotated[int, PlainValidator(integer(0, MAX_COUNT))] = 0
    warmup_seconds: Seconds = 0.0
    calls: CallsOrNull = None
    seconds: SecondsOrNull = None
    target_ci: RatioOrNull = None
    min_calls: Calls = 1
    max_calls: Calls = 1
    max_seconds: Duration = 1.0
    processes: Annotated[int, PlainValidator(integer(1, MAX_PROCESSES))] = 1
    timeout: Duration = 1.0

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        made = self.sampling()
        if made.calls is None and made.seconds is None and made.target_ci is None:
            raise ValueError("nothing ends the timed stretch: set one of calls, seconds, target_ci")
        if made.min_calls > made.max_calls:
            raise ValueError(f"min_calls ({made.min_calls}) is above max_calls ({made.max_calls})")
        if made.calls is not None and made.calls > made.max_calls:
            raise ValueError(f"calls ({made.calls}) is above max_calls ({made.max_calls})")
        if made.seconds is not None and made.seconds > made.max_seconds:
            raise ValueError(f"seconds ({made.seconds:g}) is above max_seconds ({made.max_seconds:g})")
        if made.warmup_s + (made.seconds or 0.0) >= made.timeout_s:
            raise ValueError(f"a case cannot end within its timeout of {made.timeout_s:g} s")
        return self

    def sampling(self) -> Sampling:
        """Give the noun that the loops use."""
        written = self.model_dump(exclude_unset=True)
        if {"calls", "target_ci"} & written.keys():
            written.setdefault("seconds", None)  # who asks for calls wants them all
        renamed = {"warmup_seconds": "warmup_s", "timeout": "timeout_s"}
        return Sampling(**{renamed.get(key, key): value for key, value in written.items()})


def _cores(value: Any) -> tuple[int, ...] | None:
    if value is None:
        return None
    cores = value if isinstance(value, list) else [value]
    if not cores or any(type(core) is not int or not 0 <= core <= MAX_CORE for core in cores):
        raise Expected("expected a core's number, or a list of them")
    if len(set(cores)) < len(cores):
        raise ValueError("a core is there twice")
    return tuple(cores)


class _MeasureSchema(Strict):
    cores: Annotated[tuple[int, ...] | None, PlainValidator(_cores)] = None
    inputs: Calls = 1
    seed: Annotated[int, PlainValidator(integer(0, 2**32 - 1))] = 0
    accuracy_samples: Calls = 1
    drift_samples: Calls = 1
    telemetry: Boolean = False

    def measure(self, strict_provider: bool) -> Measure:
        """Give the noun that the loops use."""
        given = written(self)
        passes = {key: given.pop(key) for key in SWITCHES if key in given}
        return Measure(passes=passes, strict_provider=strict_provider, **given)


if TYPE_CHECKING:
    MeasureSchema = _MeasureSchema
else:
    MeasureSchema = create_model(
        "MeasureSchema",
        __base__=_MeasureSchema,
        __doc__="What is measured beside latency, a key a pass; what is left out is as in `Measure`.",
        **{key: (Boolean, default) for key, default in SWITCHES.items()},
    )


class SkipSchema(Strict):
    """Cells that are not measured, and why."""

    when: When
    because: Text


def _extends(value: Any) -> None:
    raise ValueError("only a file can extend another")


def _strict_provider(value: Any, info: ValidationInfo) -> bool:
    strict, measure = boolean(value), info.data.get("measure")
    if strict and measure is not None and not measure.measure(strict).wants("proof"):
        raise ValueError("nothing tells where nodes run with measure.proof: false; take one of the two out")
    return strict


class SuiteSchema(Strict):
    """A whole suite, put together."""

    extends: Annotated[None, PlainValidator(_extends)] = None  # a key that is known, but used up by now
    name: Name | None = None
    description: Text = ""
    models: Annotated[dict[Name, ModelSchema], BeforeValidator(_not_empty)]
    axes: Axes = Field(default_factory=dict)
    skip: tuple[SkipSchema, ...] = ()
    only: tuple[When, ...] = ()
    sampling: SamplingSchema = SamplingSchema()
    measure: MeasureSchema = MeasureSchema()
    gates: tuple[GateSchema, ...] = ()
    baseline: Annotated[dict[str, str], PlainValidator(point)] = Field(default_factory=dict)
    strict_provider: Annotated[bool, PlainValidator(_strict_provider)] = False
