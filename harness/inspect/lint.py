"""Find what in a model costs time or breaks something, each with the reason and a remedy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.core.inputs import is_picture
from harness.core.roles import BATCH
from harness.core.units import count, format_percent
from harness.core.vocabulary import KNOWN_DOMAINS, RANDOM
from harness.inspect.model import MOVES, Lint, ModelFacts, Severity, Value, Weight
from harness.inspect.quantization import QUANTIZES, open_units, weight_only

HEAVY = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "FusedConv", "FusedGemm"})
"""Operators whose weights should be initializers."""

LARGE_CONSTANT = 256
"""Elements from which a constant is a weight and no parameter of an operator."""

FEW_DENORMALS = 1e-4
"""Share of the weights up to which their cost is lost in that of the others."""


@dataclass(frozen=True, slots=True)
class LintSubject:
    """What the rules look at."""

    facts: ModelFacts
    types: Mapping[str, str]  # tensor -> element type
    runtime: str | None  # version of ONNX Runtime
    newest_opset: int | None  # that this runtime takes
    custom_ops: Sequence[str] = ()  # libraries that its session registers


Rule = Callable[[LintSubject], Iterator[Lint]]


def lint(
    facts: ModelFacts,
    types: Mapping[str, str],
    runtime: str | None = None,
    newest_opset: int | None = None,
    custom_ops: Sequence[str] = (),
) -> tuple[Lint, ...]:
    """Apply every rule; what breaks comes first."""
    model = LintSubject(facts, types, runtime, newest_opset, custom_ops)
    order = list(Severity)
    found = [item for rule in RULES for item in rule(model)]
    return tuple(sorted(found, key=lambda item: order.index(item.severity)))


def _constants(facts: ModelFacts) -> list[Weight]:
    carried = (
        value for node in facts.nodes for value in node.attributes.values() if isinstance(value, Weight)
    )
    return [*facts.weights, *carried]


def _missing_data(model: LintSubject) -> Iterator[Lint]:
    lost = [name for name, size in model.facts.external.items() if size is None]
    if lost:
        yield Lint(
            "external-data",
            Severity.BREAKS,
            f"weights lie in {lost[0]!r}, which is not there",
            "no runtime loads the model",
            "put the file beside the model",
        )


def _new_opset(model: LintSubject) -> Iterator[Lint]:
    newest, opset = model.newest_opset, model.facts.opset
    if newest is not None and opset > newest:
        yield Lint(
            "opset",
            Severity.BREAKS,
            f"opset {opset}; ONNX Runtime {model.runtime} takes up to {newest}",
            "this runtime does not load it",
            "export with an older opset, or use a newer runtime",
        )
    elif newest is not None and opset >= 22 and opset >= newest - 1:
        yield Lint(
            "opset",
            Severity.UNSURE,
            f"opset {opset} is among the newest that ONNX Runtime {model.runtime} takes",
            "fusions are written for known versions of each operator, and may not match yet",
            "see which do: harness inspect MODEL --fusions, or compare: --opset 17," + str(opset),
        )


def _custom_operators(model: LintSubject) -> Iterator[Lint]:
    own = set(model.facts.functions)
    nodes = [n for n in model.facts.nodes if n.domain not in KNOWN_DOMAINS and n.name not in own]
    if nodes and not model.custom_ops:
        domains = ", ".join(sorted({node.domain for node in nodes}))
        yield Lint(
            "custom-operators",
            Severity.BREAKS,
            f"{count(len(nodes), 'node')} of {domains}: {', '.join(sorted({n.op_type for n in nodes})[:4])}",
            "ONNX Runtime does not bring these operators",
            "name the library that does: --custom-ops LIBRARY",
        )


def _old_qdq(model: LintSubject) -> Iterator[Lint]:
    facts = model.facts
    quantizing = [node for node in facts.nodes if node.op_type in QUANTIZES and not node.domain]
    scales = {weight.name: weight for weight in _constants(facts)}
    per_axis = [
        node
        for node in quantizing
        if len(node.inputs) > 1 and (w := scales.get(node.inputs[1])) and math.prod(w.dims) > 1
    ]
    if per_axis and facts.opset < 13:
        yield Lint(
            "qdq-opset",
            Severity.UNSURE,
            f"{count(len(per_axis), 'Q/DQ node')} per channel at opset {facts.opset}",
            "before opset 13 a scale is one number: what a runtime makes of several is not defined",
            "raise the opset to 13 or more",
        )
    elif quantizing and facts.opset < 13:
        yield Lint(
            "qdq-opset",
            Severity.UNSURE,
            f"Q/DQ at opset {facts.opset}",
            "it runs, but scales per channel need opset 13, and tools that quantize expect it",
            "raise the opset to 13 or more",
        )


def _unfused_qdq(model: LintSubject) -> Iterator[Lint]:
    """Find operators that read dequantized values and whose result is not quantized again."""
    constants = {weight.name for weight in model.facts.weights}
    open_ends = Counter(node.op_type for node in open_units(model.facts.nodes, constants))
    if open_ends:
        named = ", ".join(f"{op} {count}" for op, count in open_ends.most_common(4))
        yield Lint(
            "unfused-qdq",
            Severity.SLOW,
            f"{count(sum(open_ends.values()), 'operator')} without QuantizeLinear behind it: {named}",
            "it computes in floating point, and the conversions come on top",
            "quantize its output too, or leave the operator out of quantization",
        )
    alone = Counter(node.op_type for node in weight_only(model.facts.nodes, constants))
    if alone:
        named = ", ".join(f"{op} {count}" for op, count in alone.most_common(4))
        yield Lint(
            "weight-only",
            Severity.UNSURE,
            f"{count(sum(alone.values()), 'operator')} of which only the weight is quantized: {named}",
            "the file is smaller; many runtimes make floats of the weight in each call, and are slower",
            "compare with the model in FP32: harness ab FP32.onnx THIS.onnx",
        )


def _nbits(model: LintSubject) -> Iterator[Lint]:
    plain = [
        n for n in model.facts.nodes if n.op_type == "MatMulNBits" and not n.attributes.get("accuracy_level")
    ]
    if plain:
        yield Lint(
            "nbits-accuracy-level",
            Severity.SLOW,
            f"{count(len(plain), 'MatMulNBits node')} without accuracy_level",
            "the CPU then computes in FP32; level 4 computes in INT8",
            "quantize with accuracy_level=4, and look at the accuracy",
        )


def _denormals(model: LintSubject) -> Iterator[Lint]:
    weights = [weight for weight in _constants(model.facts) if math.prod(weight.dims) > 1]
    denormal = sum(weight.denormal for weight in weights)
    total = sum(math.prod(weight.dims) for weight in weights if weight.dtype == "float32")
    share = format_percent(denormal / total) if denormal else ""
    if denormal:
        worst = max(weights, key=lambda weight: weight.denormal)
        yield Lint(
            "denormal-weights",
            Severity.SLOW if denormal / total > FEW_DENORMALS else Severity.UNSURE,
            f"{count(denormal, 'denormal value')} ({share}), most in {worst.name!r}",
            "some processors take many times as long for each, others no longer: 45 times was measured where "
            "all were, in a chain of products",
            "set them to zero, or in a suite: axes: {config: {flush: {session.set_denormal_as_zero: '1'}}}",
        )


def _nonfinite(model: LintSubject) -> Iterator[Lint]:
    bad = [weight for weight in _constants(model.facts) if weight.nonfinite and math.prod(weight.dims) > 1]
    if bad:
        yield Lint(
            "nonfinite-weights",
            Severity.UNSURE,
            f"NaN or Inf in {count(len(bad), 'weight')}, such as {bad[0].name!r}",
            "outputs may be NaN whatever is fed; a mask of -Inf is meant",
            "look at that weight",
        )


def _fed_weights(model: LintSubject) -> Iterator[Lint]:
    if names := model.facts.fed_weights:
        yield Lint(
            "weights-are-inputs",
            Severity.SLOW,
            f"{count(len(names), 'weight')} listed as inputs too, such as {names[0]!r}",
            "they could be fed, so nothing is folded, fused or prepacked",
            "export with keep_initializers_as_inputs=False, or take them out of the inputs",
        )


def _constant_nodes(model: LintSubject) -> Iterator[Lint]:
    made = {
        node.outputs[0]: value
        for node in model.facts.nodes
        if node.op_type == "Constant" and node.outputs
        for value in node.attributes.values()
        if isinstance(value, Weight) and math.prod(value.dims) >= LARGE_CONSTANT
    }
    kinds = HEAVY | {"Gather"}
    used = {
        name for node in model.facts.nodes if node.op_type in kinds for name in node.inputs if name in made
    }
    if used:
        yield Lint(
            "constant-nodes",
            Severity.UNSURE,
            f"{count(len(used), 'weight')} written as Constant nodes",
            "converters to INT8 look for initializers, and leave what reads others as it is",
            "nothing here: the harness makes initializers of them first; for other tools, do the same",
        )


def _random(model: LintSubject) -> Iterator[Lint]:
    read = {name for node in model.facts.nodes for name in node.inputs}
    read |= {value.name for value in model.facts.outputs}
    drops = set(model.facts.training)
    drawing = [
        node for node in model.facts.nodes if node.op_type in RANDOM or not drops.isdisjoint(node.outputs)
    ]
    # what a subgraph gives back is not among what nodes read
    found = Counter(node.op_type for node in drawing if node.depth or read.intersection(node.outputs))
    if found:
        yield Lint(
            "random-operators",
            Severity.UNSURE,
            ", ".join(f"{op} {count}" for op, count in found.items()),
            "outputs vary from call to call, so they cannot be compared",
            "replace them by inputs, export a Dropout for inference: a seed repeats a session, not a call",
        )


def _fixed_batch(model: LintSubject) -> Iterator[Lint]:
    def first(value: Value) -> object:
        return value.dims[0] if value.dims else None

    baked = [v for v in model.facts.inputs if v.dims and len(v.dims) > 1 and isinstance(first(v), int)]
    baked = [value for value in baked if int(value.dims[0]) > 0]  # type: ignore[index,arg-type]
    baked = [value for value in baked if not is_picture(value.dims or ())]
    behind = (size for value in model.facts.inputs for size in value.dims or ())
    named = any(isinstance(size, str) and BATCH.found_in(size) for size in behind)
    if baked and not named and all(isinstance(first(v), int) for v in model.facts.inputs if v.dims):
        yield Lint(
            "fixed-batch",
            Severity.BREAKS,
            f"input {baked[0].name!r} has a fixed batch of {first(baked[0])}",
            "no other batch can be measured",
            "export with a dynamic first axis",
        )


def _float64(model: LintSubject) -> Iterator[Lint]:
    computing = [node for node in model.facts.nodes if node.op_type not in MOVES]
    found = sum(model.types.get(name) == "float64" for node in computing for name in node.inputs[:1])
    if found:
        yield Lint(
            "float64",
            Severity.SLOW,
            f"{count(found, 'operator')} on float64",
            "half the numbers in a register, twice the memory, few fused kernels",
            "export in float32",
        )


def _unread(model: LintSubject) -> Iterator[Lint]:
    unread = [weight for weight in model.facts.weights if not weight.read]
    if unread and not any(size is None for size in model.facts.external.values()):
        size = sum(weight.size_bytes for weight in unread)
        yield Lint(
            "unread",
            Severity.UNSURE,
            f"{count(len(unread), 'weight')} of {size:,} bytes were not looked at",
            "only the first GiB of values is read",
            "nothing needs to be done",
        )


RULES: tuple[Rule, ...] = (
    _missing_data,
    _new_opset,
    _custom_operators,
    _constant_nodes,
    _fixed_batch,
    _old_qdq,
    _unfused_qdq,
    _denormals,
    _fed_weights,
    _nbits,
    _float64,
    _random,
    _nonfinite,
    _unread,
)
