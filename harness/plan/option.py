"""Axis values that may have a name of their own: ``{int8_pc: {method: static, per_channel: true}}``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, Self

from annotated_types import Interval
from pydantic import AfterValidator, AllowInfNan, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic import Strict as Exact

from harness.core import tools
from harness.core.case import NO_CONFIG, NO_CONVERTER, NO_SHAPES, Named, freeze
from harness.core.plugins import PRECISIONS
from harness.core.registry import closest
from harness.core.tools import TOOLS
from harness.core.vocabulary import PROVIDERS
from harness.plan.document import shorten
from harness.plan.scalar import (
    Boolean,
    Choice,
    Expect,
    Integer,
    Name,
    NotEmpty,
    OptionText,
    Text,
    either,
)
from harness.plan.strict import Strict

WEIGHT_TYPES = ("int8", "uint8")
ACTIVATION_TYPES = (*WEIGHT_TYPES, "int16", "uint16")
CALIBRATIONS = ("minmax", "entropy", "percentile")
MAX_DIMENSION = 2**31 - 1

Percentile = Annotated[
    float, Exact(), AllowInfNan(False), Interval(ge=50, le=100), Expect("a percentile from 50 to 100")
]


def _option(description: str) -> Any:
    """Declare an option that is not passed on where the suite does not name it."""
    return Field(None, description=description)


class DynamicOptions(Strict):
    """INT8 weights, activations quantized as they come."""

    method: Literal["dynamic"]
    weight_type: Annotated[str, Choice("weight_type", WEIGHT_TYPES)] = _option("Type of quantized weights.")
    per_channel: Boolean = _option("A scale for each channel of the weights.")
    reduce_range: Boolean = _option("7-bit weights, for CPUs without VNNI.")
    op_types: tuple[Text, ...] = _option("Operator types to quantize; default: all that can be.")
    nodes_to_exclude: tuple[Text, ...] = _option("Nodes that stay as they are.")


class StaticOptions(DynamicOptions):
    """INT8 weights and activations, ranges calibrated beforehand."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentSchemas": {
                "percentile": {
                    "required": ["calibration"],
                    "properties": {"calibration": {"const": "percentile"}},
                }
            }
        }
    )

    method: Literal["static"]  # type: ignore[assignment]
    format: Annotated[str, Choice("format", ("qdq", "qoperator"))] = _option("How quantization is written.")
    activation_type: Annotated[str, Choice("activation_type", ACTIVATION_TYPES)] = _option(
        "Type of quantized activations."
    )
    calibration: Annotated[str, Choice("calibration", CALIBRATIONS)] = _option("How ranges are found.")
    percentile: Percentile = _option("Of the range that is kept, with calibration: percentile.")

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.percentile is not None and self.calibration != "percentile":
            raise ValueError("percentile needs calibration: percentile")
        return self


class HalfOptions(Strict):
    """FP16 weights and activations."""

    method: Literal["fp16"]
    keep_io_types: Boolean = _option("Inputs and outputs stay FP32.")
    op_types_to_exclude: tuple[Text, ...] = _option("Operator types that stay FP32.")
    nodes_to_exclude: tuple[Text, ...] = _option("Nodes that stay as they are.")


class BrainOptions(Strict):
    """BF16 weights and activations; inputs and outputs stay FP32."""

    method: Literal["bf16"]
    op_types_to_exclude: tuple[Text, ...] = _option("Operator types that stay FP32.")
    nodes_to_exclude: tuple[Text, ...] = _option("Nodes that stay as they are.")


class BlockOptions(Strict):
    """Weights of 4 bits in blocks; int4 is symmetric, uint4 has zero points."""

    method: Literal["int4", "uint4"]
    algorithm: Annotated[str, Choice("algorithm", ("rtn", "k_quant", "hqq", "gptq"))] = _option(
        "Rounding to nearest, or a search; hqq computes in torch, gptq is calibrated."
    )
    block_size: Annotated[Literal[16, 32, 64, 128, 256], Expect("one of 16, 32, 64, 128, 256")] = _option(
        "Weights that share a scale."
    )
    accuracy_level: Annotated[int, Integer(0, 4)] = _option(
        "What the kernel computes in at least: 1 fp32, 2 fp16, 3 bf16, 4 int8; 0: as the kernel likes."
    )
    format: Annotated[str, Choice("format", ("qoperator", "qdq"))] = _option("How quantization is written.")
    op_types: tuple[Text, ...] = _option("Operator types to quantize, of MatMul and Gather; default: MatMul.")
    nodes_to_exclude: tuple[Text, ...] = _option("Nodes that stay as they are.")


class ProviderOptions(Strict):
    """A provider with the options that it gets."""

    provider: Annotated[str, Choice("provider", tuple(PROVIDERS))]
    options: dict[str, OptionText] = Field({}, description="Text, as ONNX Runtime takes them.")


_METHODS: dict[str, tuple[type[Strict], str]] = {
    "static": (StaticOptions, "int8_static"),
    "dynamic": (DynamicOptions, "int8_dynamic"),
    "fp16": (HalfOptions, "fp16"),
    "bf16": (BrainOptions, "bf16"),
    "int4": (BlockOptions, "int4"),
    "uint4": (BlockOptions, "uint4"),
}
"""Methods whose options are checked here, and the precision that each stands for."""


def _other_method(value: Any) -> str:
    known = [*_METHODS, *(name for name in PRECISIONS if name not in {kind for _, kind in _METHODS.values()})]
    if not isinstance(value, str) or value not in known:
        shown = shorten(repr(value))
        raise ValueError(f"unknown method {shown}: {closest(str(value), known)}")
    return value


class OtherOptions(Strict):
    """A precision of another package, which checks its own options."""

    model_config = ConfigDict(extra="allow")

    method: Annotated[
        Any,
        AfterValidator(_other_method),
        WithJsonSchema({"type": "string", "not": {"enum": list(_METHODS)}}),
    ]


def _pick_method(value: Any) -> str | None:
    if not isinstance(value, dict) or "method" not in value:
        return None
    method = value["method"]
    return method if isinstance(method, str) and method in _METHODS else "other"


def _converted(options: Any) -> Named:
    """Name what a method stands for; the name of its own is filled in by `named`."""
    _, kind = _METHODS.get(options.method, (None, options.method))
    return Named("", kind, freeze(options.model_dump(exclude_unset=True, exclude={"method"})))


MethodOptions = either(
    _pick_method,
    "a mapping with a method (static, dynamic, fp16, bf16, int4 or uint4) and its options",
    **{method: Annotated[model, AfterValidator(_converted)] for method, (model, _) in _METHODS.items()},
    other=Annotated[OtherOptions, AfterValidator(_converted)],
)


def named(known: Choice, plain: Callable[[str], Named], options: Any) -> Any:
    """Make the type of a known name, or of one new name for what `options` check."""
    return either(
        pick_form,
        "a name, or a mapping of one new name to what it stands for",
        name=Annotated[str, known, AfterValidator(plain)],
        named=Annotated[
            dict[Name, options],
            Field(
                min_length=1,
                max_length=1,
                json_schema_extra={"not": {"anyOf": [{"required": [name]} for name in known.builtin]}},
            ),
            AfterValidator(lambda value: own(value, partial(_is_known, known))),
        ],
    )


def own(value: dict[str, Named], taken: Callable[[str], bool]) -> Named:
    """Give what is named by the one key of `value` its name. Raises ValueError where that is `taken`."""
    ((own, refined),) = value.items()
    if taken(own):
        raise ValueError(f"{own!r} has a meaning already: give this one a name of its own")
    return Named(own, refined.kind, refined.options)


def pick_form(value: Any) -> str | None:
    """Tell a name from a mapping of one new name."""
    if isinstance(value, str):
        return "name"
    return "named" if isinstance(value, dict) and len(value) == 1 else None


def _is_known(known: Choice, name: str) -> bool:
    try:
        known.check(name)
    except ValueError:
        return False
    return True


def _plain(name: str) -> Named:
    return Named(name, name)


def _entries(written: dict[str, Any]) -> Named:
    """Check session config entries: text; a key without a dot is an attribute and keeps its type."""
    for key, value in written.items():
        if "." in key and isinstance(value, bool):
            raise ValueError(f"{shorten(key)}: expected text, in quotes, as ONNX Runtime should get it")
    kept = {
        key: value if "." not in key and type(value) in (bool, int) else str(value)
        for key, value in written.items()
    }
    return Named("", "config", freeze(kept))


_ENTRY = Annotated[bool | int | float | str, Expect("text, in quotes, as ONNX Runtime should get it")]
_ENTRIES = {
    "type": "object",
    "description": "Session config entries as text; a key without a dot is an attribute of SessionOptions.",
    "patternProperties": {r"\.": {"type": ["string", "number"]}},
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}

Dimensions = Annotated[
    dict[str, Annotated[int, Integer(0, MAX_DIMENSION)]],
    NotEmpty("a mapping of dimension to size"),
]
"""Symbolic dimension -> size."""

Precision = named(Choice("precision", ("fp32",), PRECISIONS), _plain, MethodOptions)

Provider = named(
    Choice("provider", tuple(PROVIDERS)),
    _plain,
    Annotated[
        ProviderOptions,
        AfterValidator(lambda item: Named("", item.provider, freeze(item.options))),
    ],
)

_CONVERTERS = tuple(sorted({found.distribution for found in TOOLS.values() if found.converts}))


def _requirement(text: str) -> str:
    tools.split(text, _CONVERTERS)
    return text


def _pin(text: str) -> str:
    tools.split(text)
    return text


def _converter(text: str) -> Named:
    return NO_CONVERTER if text == NO_CONVERTER.name else _plain(_requirement(text))


class ConverterOptions(Strict):
    """A converter's version, and versions of other packages that it is installed with."""

    converter: Annotated[str, Expect(tools.FORM), AfterValidator(_requirement)] = Field(
        description="Its version, as name==version."
    )
    packages: tuple[Annotated[str, Expect(tools.PIN_FORM), AfterValidator(_pin)], ...] = Field(
        (), description="What is installed with it, in place of the versions that are otherwise."
    )

    def named(self) -> Named:
        """Give the noun that builds use; the name of its own is filled in later."""
        return Named("", self.converter, freeze({"packages": list(self.packages)} if self.packages else {}))


Converter = either(
    pick_form,
    f"default, a version of {' or '.join(_CONVERTERS)} as name==version, or one with packages under a name",
    name=Annotated[str, AfterValidator(_converter)],
    named=Annotated[
        dict[Name, Annotated[ConverterOptions, AfterValidator(ConverterOptions.named)]],
        Field(
            min_length=1,
            max_length=1,
            json_schema_extra={"not": {"required": [NO_CONVERTER.name]}},
        ),
        AfterValidator(lambda value: own(value, lambda name: name == NO_CONVERTER.name)),
    ],
)

Config = named(
    Choice("config", ("default",)),
    lambda _: NO_CONFIG,
    Annotated[dict[str, _ENTRY], AfterValidator(_entries), WithJsonSchema(_ENTRIES)],
)

Shapes = named(
    Choice("shapes", ("default",)),
    lambda _: NO_SHAPES,
    Annotated[Dimensions, AfterValidator(lambda sizes: Named("", "shapes", freeze(sizes)))],
)
