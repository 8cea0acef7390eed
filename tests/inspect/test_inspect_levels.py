"""What each level of optimization fuses, by the runtime itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnx
from models import conv, save_model, value
from onnx import helper

from harness import show
from harness.inspect.job import inspect
from harness.inspect.levels import fusions_by_level
from harness.inspect.view import InspectionDocument

Call = Callable[..., tuple[int, str, str]]


def test_a_level_names_what_it_fuses_and_what_it_leaves(harness: Call, tmp_path: Path) -> None:
    onnx.save(conv(), tmp_path / "conv.onnx")
    code, out, err = harness("inspect", tmp_path / "conv.onnx", "--fusions", "--format", "json")
    assert code == 0, err
    levels = {item["level"]: item for item in json.loads(out)["fusions"]}
    assert list(levels) == ["basic", "extended", "all"]
    assert (levels["basic"]["fused"], levels["basic"]["left"]) == ({}, {"Conv+Relu": 1})
    assert levels["extended"]["fused"] == {"Conv+Relu → FusedConv": 1}
    assert sum(levels["all"]["fused"].values()) == 1
    assert levels["extended"]["left"] == levels["all"]["left"] == {}


def test_a_model_that_does_not_open_has_the_reason_at_each_level(tmp_path: Path) -> None:
    nodes = [helper.make_node("Strange", ["x"], ["y"], domain="elsewhere")]
    path = save_model(
        tmp_path / "m.onnx", nodes, [value("x", [1, 4])], [value("y", [1, 4])], domains=("elsewhere",)
    )
    found = fusions_by_level(path, tmp_path / "cache")
    assert [(item.level, item.fused) for item in found] == [("basic", {}), ("extended", {}), ("all", {})]
    assert all("Strange" in item.reason or "custom" in item.reason for item in found)
    text = show.render(InspectionDocument(inspect(path)), "table")
    assert "Fusions" not in text
