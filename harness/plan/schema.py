"""What a suite may say: every key, and the type of its value.

`json_schema` makes the schema for editors of the same models. docs/suites.md
is the same for people; a test compares the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    create_model,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from harness.core.case import DataRef, Model, Source, freeze
from harness.core.passes import SWITCHES
from harness.core.sampling import Sampling
from harness.core.suite import Measure
from harness.plan.axes import Axes
from harness.plan.gate import GateSchema
from harness.plan.option import Dimensions
from harness.plan.scalar import (
    Boolean,
    Choice,
    Expected,
    Integer,
    Name,
    NotEmpty,
    Number,
    Quantity,
    Text,
    Values,
    ratio,
    seconds,
)
from harness.plan.source import DataEntry, SourceEntry
from harness.plan.strict import Strict, written
from harness.plan.when import Point, When

MAX_COUNT = 10**9
MAX_CORE = 65_535
MAX_PROCESSES = 1000

Count = Annotated[int, Integer(1, MAX_COUNT)]
CountOrNone = Annotated[int, Integer(0, MAX_COUNT)]
Duration = Annotated[float, seconds(1e-6)]
DurationOrNone = Annotated[float, seconds()]


def _key(description: str, default: Any = None) -> Any:
    """Declare a key that may be left out; `default` is for people, what is left out is not passed on."""
    return Field(default, description=description)


class InputSchema(Strict):
    """How random values for one input are drawn."""

    model_config = ConfigDict(
        json_schema_extra={"dependentSchemas": {"fill": {"properties": {"low": False, "high": False}}}}
    )

    low: Number | None = _key("Smallest value.")
    high: Number | None = _key("Largest value, exclusive for integers.")
    fill: Values | None = _key("The one value of all elements, or a list: of each element of a vector.")

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.fill is not None and (self.low is not None or self.high is not None):
            raise ValueError("fill makes every value the same: low and high have no use beside it")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low is not below high")
        return self


_AT_LEAST_0 = Quantity(float, "a number", "", 0.0)


class ToleranceSchema(Strict):
    """How far outputs may be from those that they are compared with."""

    sqnr_db: Number | None = _key("The least SQNR, in dB; default: by the precisions compared.")
    agreement: Annotated[float, ratio(0.0, 1.0)] | None = _key("The least share of the same classes.", 0.99)
    max_abs_error: Annotated[float, _AT_LEAST_0] | None = _key("The largest error of any element.")


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if repeated := [name for at, name in enumerate(names) if name in names[:at]]:
        raise ValueError(f"{repeated[0]!r} is there twice")
    return names


Tensors = Annotated[
    tuple[Text, ...],
    Field(min_length=1, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_different),
]


class CutSchema(Strict):
    """The part of a graph that is measured: what computes some tensors from others."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    inputs: Tensors | None = _key("Tensors at which the part begins; default: the graph's own inputs.")
    outputs: Tensors | None = _key("Tensors at which it ends; default: the graph's own outputs.")

    @model_validator(mode="after")
    def _cuts(self) -> Self:
        if self.inputs is None and self.outputs is None:
            raise ValueError("expected inputs, outputs or both: names of tensors")
        return self


class ModelSchema(Strict):
    """One model."""

    source: SourceEntry = Field(description="Where the model comes from.")
    data: DataEntry | None = _key("A data set, the path of an .npz file, or a mapping with npz.")
    task: Annotated[str, Choice("task", ("classification", "regression"))] | None = _key(
        "What the labels are; default: by their type."
    )
    output: Text | None = _key("The output that counts; default: the first.")
    batch_dim: Text | None = _key("The symbolic dimension that the axis batch drives.")
    shapes: Dimensions = _key("Symbolic dimension to size.", {})
    inputs: dict[str, InputSchema] = _key("Input to how its random values are drawn.", {})
    tolerance: ToleranceSchema | None = _key("How far outputs may be from those that they are compared with.")
    cut: CutSchema | None = _key("The tensors between which the model is measured; default: all of it.")
    axes: Axes = _key("Axes on which this model takes other values than the suite says.", {})

    def model(self, name: str) -> Model:
        """Give the noun that the loops use."""
        return Model(
            name=name,
            source=cast(Source, self.source),
            data=cast(DataRef | None, self.data),
            task=self.task,
            output=self.output,
            batch_dim=self.batch_dim,
            shapes=freeze(self.shapes),
            inputs=freeze({key: item.model_dump(exclude_unset=True) for key, item in self.inputs.items()}),
            tolerance=freeze(self.tolerance.model_dump(exclude_none=True, exclude_unset=True))
            if self.tolerance
            else (),
            cut=freeze(
                {key: list(names) for key, names in self.cut.model_dump(exclude_none=True).items()}
                if self.cut
                else {}
            ),
        )


_SAMPLING = Sampling()


class SamplingSchema(Strict):
    """How long a case is timed."""

    warmup_calls: CountOrNone = _key("Warm-up calls at least.", _SAMPLING.warmup_calls)
    warmup_seconds: DurationOrNone = _key("Warm-up time at least.", _SAMPLING.warmup_s)
    calls: Count | None = _key("End the timed stretch after this many calls.")
    seconds: Duration | None = _key("End it after this long.", _SAMPLING.seconds)
    target_ci: Annotated[float, ratio(1e-6, 0.99)] | None = _key(
        "End it when half the 95% interval of p50 is this narrow, relative to p50."
    )
    min_calls: Count = _key(
        "Time at least this many calls before seconds or target_ci end it.", _SAMPLING.min_calls
    )
    max_calls: Count = _key("End it in any case.", _SAMPLING.max_calls)
    max_seconds: Duration = _key("End it in any case.", _SAMPLING.max_seconds)
    processes: Annotated[int, Integer(1, MAX_PROCESSES)] = _key(
        "Fresh worker processes a case.", _SAMPLING.processes
    )
    timeout: Duration = _key("A worker that takes longer is killed.", _SAMPLING.timeout_s)

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


_CORE = {"type": "integer", "minimum": 0, "maximum": MAX_CORE}
_CORES = {
    "anyOf": [_CORE, {"type": "array", "items": _CORE, "minItems": 1, "uniqueItems": True}, {"type": "null"}]
}


def _cores(value: Any) -> Any:
    if value is None:
        return None
    cores = value if isinstance(value, list) else [value]
    if not cores or any(type(core) is not int or not 0 <= core <= MAX_CORE for core in cores):
        raise Expected("expected a core's number, or a list of them")
    if len(set(cores)) < len(cores):
        raise ValueError("a core is there twice")
    return cores


_MEASURE = Measure()


class _MeasureSchema(Strict):
    cores: Annotated[tuple[int, ...] | None, BeforeValidator(_cores), WithJsonSchema(_CORES)] = _key(
        "The cores that workers run on; default: chosen by the threads."
    )
    inputs: Count = _key("Distinct inputs in rotation.", _MEASURE.inputs)
    seed: Annotated[int, Integer(0, 2**32 - 1)] = _key("Seed of random inputs.", _MEASURE.seed)
    accuracy_samples: Count = _key("Samples of the data evaluated, at most.", _MEASURE.accuracy_samples)
    drift_samples: Count = _key("Random samples compared where there is no data.", _MEASURE.drift_samples)
    telemetry: Boolean = _key("Let the runtime start its telemetry.", _MEASURE.telemetry)

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
        __doc__="What is measured beside latency, a key a pass, and on which cores.",
        **{
            key: (Boolean, _key(f"Whether the pass for {key} runs.", default))
            for key, default in SWITCHES.items()
        },
    )


class SessionSchema(Strict):
    """What every session of the suite has, whatever its axes."""

    custom_ops: Annotated[tuple[Text, ...], Field(min_length=1)] = _key(
        "Libraries of custom operators to register, in this order."
    )


class SkipSchema(Strict):
    """Cells that are not measured, and why."""

    when: When = Field(description="The cells.")
    because: Text = Field(description="The reason, kept in the results.")


def _extends(value: Any) -> None:
    raise ValueError("only a file can extend another")


def _strict_provider(value: bool, info: ValidationInfo) -> bool:
    measure = info.data.get("measure")
    if value and measure is not None and not measure.measure(value).wants("proof"):
        raise ValueError("where nodes run is not known with measure.proof: false; take one of the two out")
    return value


class SuiteSchema(Strict):
    """A whole suite, put together."""

    extends: Annotated[Any, AfterValidator(_extends)] = _key(
        "A file, or a list of files, whose keys this one builds on."
    )  # a key that is known, but used up by now
    name: Name | None = _key("The suite's name; default: the file's name.")
    description: Text = _key("Text for people.", "")
    models: Annotated[dict[Name, ModelSchema], NotEmpty()] = Field(description="Name to model.")
    axes: Axes = _key("Axis to value or list of values; the cases are their product.", {})
    session: SessionSchema = _key("What every session has, whatever its axes.", SessionSchema())
    skip: tuple[SkipSchema, ...] = _key("Cells that are not measured, and why.", ())
    only: tuple[When, ...] = _key("Keep the cells that meet one of these conditions.", ())
    sampling: SamplingSchema = _key("How long a case is timed.", SamplingSchema())
    measure: MeasureSchema = _key("What is measured beside latency, and on which cores.", MeasureSchema())
    gates: tuple[GateSchema, ...] = _key("What a metric may do.", ())
    baseline: Point = _key("The case that a model's others are compared with.", {})
    strict_provider: Annotated[Boolean, AfterValidator(_strict_provider)] = _key(
        "Whether a case of which a node ran on another provider is failed.", False
    )


class _Json(GenerateJsonSchema):
    """A schema for people who write: no titles, no empty defaults, unions by what fits."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if made.get("default") in (None, "") or isinstance(made["default"], dict | list):
            made.pop("default", None)
        return made

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        made.pop("patternProperties", None)
        made["additionalProperties"] = self.generate_inner(
            schema.get("values_schema", core_schema.any_schema())
        )
        keys = self.generate_inner(schema.get("keys_schema", core_schema.any_schema()))
        return {**made, "propertyNames": keys} if "pattern" in keys else made

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        made = super().tagged_union_schema(schema)
        return {"anyOf": made.pop("oneOf")}


def _null(key: str) -> JsonSchemaValue:
    return {"properties": {key: {"type": "null"}}}


def json_schema() -> dict[str, Any]:
    """Make the JSON schema (draft 2020-12) of a file with a suite, or with a part that suites extend.

    A part has no models, and a file that extends another may leave out what
    that one says: so keys are required only where nothing is extended.
    """
    made = SuiteSchema.model_json_schema(mode="validation", schema_generator=_Json)
    model = made["$defs"]["ModelSchema"]
    required = model.pop("required")
    made.pop("required")
    for definition in (made, *made["$defs"].values()):
        definition.pop("title", None)
    endless = {"required": ["seconds"], "properties": {"seconds": {"type": "null"}}}
    ended = {"anyOf": [{"required": [key], "not": _null(key)} for key in ("calls", "target_ci")]}
    every = {
        "properties": {
            "models": {"additionalProperties": {"required": required}},
            "sampling": {"if": endless, "then": ended},
        }
    }
    made["properties"]["extends"] |= {
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A suite of the ONNX Runtime harness, or a part that suites extend",
        **made,
        "if": {"required": ["models"], "not": {"required": ["extends"]}},
        "then": every,
    }
