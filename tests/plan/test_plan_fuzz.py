"""Whatever a file, an override or a filter holds: a plan, or lines that say what is wrong."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.core.errors import InputError
from harness.plan import estimate, plan

SUITE: dict[str, Any] = {
    "name": "fuzz",
    "models": {
        "m": {
            "source": {"zoo": "squeezenet"},
            "data": "digits",
            "shapes": {"seq": 16},
            "inputs": {"ids": {"low": 0, "high": 9}},
            "axes": {"batch": 1},
        },
        "t": {"source": {"torch": "a.b:c"}},
    },
    "axes": {
        "opset": [None, 17],
        "precision": ["fp32", {"q": {"method": "static", "op_types": ["Conv"]}}],
        "provider": {"ov": {"provider": "openvino", "options": {"a": "b"}}},
        "graph_opt": [0, "all"],
        "intra_threads": ["auto", 2],
        "batch": [1, 8],
        "config": ["default", {"calm": {"a": "0"}}],
        "runtime": ["current", "onnxruntime==1.22.1"],
    },
    "skip": [{"when": {"opset": 17, "precision": "q"}, "because": "x"}],
    "only": [{"batch": [1, 8]}],
    "sampling": {"seconds": "200 ms", "target_ci": "1%", "processes": 2},
    "measure": {"cores": [0], "inputs": 4},
    "gates": [{"metric": "latency/p50", "max_increase": "3%", "case": {"batch": 8}}],
    "baseline": {"precision": "fp32"},
    "strict_provider": True,
}

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 40)
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "fp32",
            "all",
            "*",
            "m",
            "current",
            "onnxruntime==1",
            "x.whl",
            "a.npz",
            "b.py:c",
            "..",
            "/",
            "3%",
            "5 ms",
            "\0",
        ]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6) | st.sampled_from(list(SUITE)), inner, max_size=3)
    ),
    max_leaves=6,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    items: list[Any] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [path, *(inner for key, item in items for inner in paths(item, (*path, key)))]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A suite with a few places replaced, taken out or renamed."""
    document = copy.deepcopy(SUITE)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths(document)[1:] or [("models",)]))
        holder: Any = document
        for key in path[:-1]:
            holder = holder[key]
        action = draw(st.sampled_from(["replace", "remove", "rename"]))
        if action == "replace" or isinstance(holder, list):
            if isinstance(holder, dict) or path[-1] < len(holder):
                holder[path[-1]] = draw(VALUES)
        elif path[-1] in holder:
            value = holder.pop(path[-1])
            if action == "rename":
                holder[draw(st.text(max_size=8))] = value
    return document


def check(text: str | bytes, overrides: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> None:
    """Plan, or fail as is promised: whole lines that a terminal can show."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "s.yaml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        try:
            made = plan(path, overrides, only)
        except InputError as error:
            lines = str(error).split("\n")
            assert len(lines) == len(getattr(error, "problems", lines[:1]))
            assert all(line.isprintable() for line in lines), lines
        else:
            assert estimate(made).cases == len(made.cases)


@settings(max_examples=150, deadline=None)
@given(documents())
def test_mutated_suites_end_in_a_plan_or_in_lines(document: dict[str, Any]) -> None:
    check(yaml.safe_dump(document, allow_unicode=True))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 800),
    st.integers(0, 20),
    st.text(alphabet=st.sampled_from("{}[]:,-&*!|>%@#'\"\t\n ?ax1\\<"), max_size=8),
)
def test_damaged_text_ends_in_a_plan_or_in_lines(at: int, length: int, put: str) -> None:
    text = yaml.safe_dump(SUITE)
    check(text[:at] + put + text[at + length :])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_bytes_end_in_lines(content: bytes) -> None:
    check(content)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(
        ["axes.batch", "axes", "models.m.shapes.seq", "sampling.seconds", "models.m", "gates", "extends", ""]
    )
    | st.text(max_size=8),
    st.text(max_size=12) | st.sampled_from(["1,8", "[1,", "{a: &x [*x]}", "!!int x", "null", "--- 1"]),
)
def test_any_override_ends_in_a_plan_or_in_lines(key: str, value: str) -> None:
    check(yaml.safe_dump(SUITE), (f"{key}={value}",))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["batch", "model", "opset", ""]) | st.text(max_size=6), st.text(max_size=8))
def test_any_filter_ends_in_a_plan_or_in_lines(axis: str, value: str) -> None:
    check(yaml.safe_dump(SUITE), (), (f"{axis}={value}",))
