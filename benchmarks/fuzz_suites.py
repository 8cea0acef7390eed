"""Make suites for `fuzz.py`: valid ones drawn at random, most of them with a few mistakes put in."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import yaml

from harness.core.metrics import METRICS

AXES: dict[str, tuple[Any, ...]] = {
    "opset": (13, 17, 18, 21),
    "precision": (
        "fp32", "fp16", "int8_dynamic", "int8_static",
        {"pc": {"method": "static", "per_channel": True}}, {"half": {"method": "fp16"}},
    ),
    "format": ("onnx", "ort"),
    "runtime": ("current", "onnxruntime==1.22.1", "onnxruntime==1.30.0"),
    "provider": ("cpu", "cuda", "openvino"),
    "graph_opt": ("disable", "basic", "extended", "all"),
    "execution_mode": ("sequential", "parallel"),
    "intra_threads": (0, 1, 2, 4),
    "inter_threads": (1, 2),
    "config": ("default", {"calm": {"session.intra_op.allow_spinning": "0"}}),
    "batch": (1, 2, 8, 32),
    "shapes": ({"short": {"n": 16}}, {"long": {"n": 128}}),
    "io": ("run", "iobinding"),
}  # fmt: skip

SOURCES: tuple[Any, ...] = (
    {"onnx": "models/digits_cnn.onnx"},
    {"zoo": "squeezenet"},
    {"zoo": "inception_v1"},
    {"torch": "models/encoder.py:model"},
    {"fake": {"call_ns": [1000]}},
)

JUNK: tuple[Any, ...] = (
    None, "", -1, 0, 10**30, 1e999, float("nan"), True, [], {}, [[]], {"a": {"b": []}}, "\x00", "a" * 300,
    "*", "fp32", "3%", "-3%", "5 ms", "2 MB", "é→", "../..", "/dev/null", ["x", None],
    {"": ""}, {1: 2}, {None: 1},
)  # fmt: skip


def maybe(draw: random.Random, share: float, make: Callable[[], Any], key: str) -> dict[str, Any]:
    """Give `key` in a share of the suites."""
    return {key: make()} if draw.random() < share else {}


def axes(draw: random.Random, most: int) -> dict[str, Any]:
    """Draw some axes with some of their values."""
    found: dict[str, Any] = {}
    for name in draw.sample(sorted(AXES), draw.randint(0, most)):
        values = draw.sample(AXES[name], draw.randint(1, min(3, len(AXES[name]))))
        found[name] = values if len(values) > 1 or draw.random() < 0.5 else values[0]
    return found


def cells(draw: random.Random, drawn: dict[str, Any]) -> dict[str, Any]:
    """Draw a condition, of models and of the axes that the suite has: what cells a rule is about."""
    wanted: dict[str, Any] = {"model": "m*"}
    for name, values in drawn.items():
        plain = [
            value for value in (values if isinstance(values, list) else [values]) if type(value) is not dict
        ]
        if plain and draw.random() < 0.5:
            wanted[name] = draw.choice(plain)
    return wanted


def gate(draw: random.Random, drawn: dict[str, Any]) -> dict[str, Any]:
    """Draw a gate whose limit goes with its metric."""
    name, row = draw.choice(list(METRICS.items()))
    bounds = {"s": "5 ms", "B": "10 MB", "ratio": "50%"}
    limit: dict[str, Any] = {draw.choice(["min", "max"]): bounds.get(row.unit, 1)}
    if not row.delta and draw.random() < 0.5:
        limit = {"max_drop" if row.better == "higher" else "max_increase": "3%"}
        limit |= maybe(draw, 0.3, lambda: "anchor", "against")
    return {"metric": name, **limit, **maybe(draw, 0.2, lambda: cells(draw, drawn), "case")}


def model(draw: random.Random) -> dict[str, Any]:
    """Draw a model."""
    return {
        "source": draw.choice(SOURCES),
        **maybe(draw, 0.2, lambda: "digits", "data"),
        **maybe(draw, 0.2, lambda: draw.choice(["classification", "regression"]), "task"),
        **maybe(draw, 0.1, lambda: "y", "output"),
        **maybe(draw, 0.1, lambda: "n", "batch_dim"),
        **maybe(draw, 0.2, lambda: {"n": draw.choice([1, 16, 128])}, "shapes"),
        **maybe(draw, 0.2, lambda: {"x": draw.choice([{"low": 0, "high": 9}, {"fill": 1}])}, "inputs"),
        **maybe(draw, 0.2, lambda: {"sqnr_db": 30, "agreement": "95%"}, "tolerance"),
        **maybe(draw, 0.2, lambda: axes(draw, 2), "axes"),
    }


SAMPLING: dict[str, Any] = {
    "seconds": "200 ms", "calls": 100, "processes": 2, "min_calls": 5, "warmup_calls": 3, "timeout": 60,
    "warmup_seconds": 0, "max_seconds": 10, "target_ci": "1%",
}  # fmt: skip

MEASURE: dict[str, Any] = {
    "memory": False, "proof": False, "accuracy": False, "drift_samples": 8, "accuracy_samples": 100,
}  # fmt: skip


def some(draw: random.Random, options: dict[str, Any]) -> dict[str, Any]:
    """Draw up to three of these keys."""
    return {name: options[name] for name in draw.sample(sorted(options), draw.randint(1, 3))}


def suite(draw: random.Random) -> dict[str, Any]:
    """Draw a suite that a person could have written."""
    drawn = axes(draw, 4)
    config = draw.choice(["quick", "nightly", "thorough"])
    return {
        **maybe(draw, 0.5, lambda: f"../configs/{config}.yaml", "extends"),
        **maybe(draw, 0.2, lambda: "what it is for", "description"),
        "models": {f"m{number}": model(draw) for number in range(draw.randint(1, 3))},
        **({"axes": drawn} if drawn else {}),
        **maybe(draw, 0.5, lambda: some(draw, SAMPLING), "sampling"),
        **maybe(draw, 0.3, lambda: some(draw, MEASURE), "measure"),
        **maybe(draw, 0.2, lambda: [{"when": cells(draw, drawn), "because": "slow"}], "skip"),
        **maybe(draw, 0.5, lambda: [gate(draw, drawn) for _ in range(draw.randint(1, 4))], "gates"),
    }


def places(node: Any) -> list[tuple[Any, Any]]:
    """List every mapping and list of a document with each of its keys."""
    keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    return [place for key in keys for place in ((node, key), *places(node[key]))]


def mistaken(draw: random.Random, document: dict[str, Any], count: int) -> None:
    """Put `count` mistakes in: a value exchanged, a key dropped, misspelled or doubled elsewhere."""
    for _ in range(count):
        node, key = draw.choice(places(document))
        match draw.randrange(4):
            case 0 if isinstance(node, dict):
                del node[key]
            case 1 if isinstance(node, dict):
                node[f"{key}x"] = node.pop(key)
            case 2:
                other, name = draw.choice(places(document))
                node[key] = yaml.safe_load(yaml.safe_dump(other[name]))
            case _:
                node[key] = draw.choice(JUNK)
        if not document:
            document["models"] = {}


def text(draw: random.Random) -> str:
    """Write a suite of which half have no mistake, and the others one to three."""
    document: dict[str, Any] = yaml.safe_load(yaml.safe_dump(suite(draw)))
    mistaken(draw, document, draw.choice([0, 0, 0, 1, 1, 2, 3]))
    return yaml.safe_dump(document, allow_unicode=draw.random() < 0.5)
