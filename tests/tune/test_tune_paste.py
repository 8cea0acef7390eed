"""What is to be pasted: the Python runs, the suite line gives the case, Triton's keys are its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from make import make_case
from models import relu

from harness.core.case import Case, Named, freeze
from harness.plan import plan_model
from harness.tune.paste import snippets

CONFIG = Named(
    "lean", "config", freeze({"session.intra_op.allow_spinning": "0", "enable_cpu_mem_arena": False})
)


@pytest.fixture
def case() -> Case:
    return make_case(
        batch=8,
        graph_opt="extended",
        execution_mode="parallel",
        intra_threads=2,
        inter_threads=1,
        config=CONFIG,
    )


def test_the_python_runs_and_makes_the_session_with_these_settings(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(relu().SerializeToString())
    names: dict[str, Any] = {}
    exec(snippets(case, str(path)).python, names)
    options, session = names["options"], names["session"]
    assert options.graph_optimization_level == names["ort"].GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    assert options.execution_mode == names["ort"].ExecutionMode.ORT_PARALLEL
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert options.enable_cpu_mem_arena is False
    assert session.get_providers() == ["CPUExecutionProvider"]


def test_threads_are_those_that_were_in_effect(tmp_path: Path) -> None:
    found = snippets(make_case(), "m.onnx", {"intra_threads": 6, "inter_threads": 1})
    assert "options.intra_op_num_threads = 6" in found.python
    assert "SetIntraOpNumThreads(6)" in found.cpp
    assert found.suite == "axes: {}"


def test_the_suite_line_gives_the_very_case(case: Case) -> None:
    axes = yaml.safe_load(snippets(case, "m.onnx").suite)["axes"]
    plan = plan_model({"fake": {}}, {name: [value] for name, value in axes.items()})
    (planned,) = plan.cases
    assert (planned.session, planned.load) == (case.session, case.load)


def test_cpp_names_the_settings(case: Case) -> None:
    text = snippets(case, "m.onnx").cpp
    assert "GraphOptimizationLevel::ORT_ENABLE_EXTENDED" in text
    assert 'options.AddConfigEntry("session.intra_op.allow_spinning", "0");' in text
    assert "options.DisableCpuMemArena();" in text


@pytest.mark.parametrize(
    ("level", "written"),
    [("disable", "level: 2"), ("basic", "level: -1"), ("extended", "level: 1"), ("all", "")],
)
def test_triton_has_its_own_numbers_for_levels(level: str, written: str) -> None:
    text = snippets(make_case(graph_opt=level), "m.onnx").triton
    assert ("level" in text) == bool(written)
    assert written in text


def test_triton_says_what_it_has_no_key_for(case: Case) -> None:
    text = snippets(case, "m.onnx").triton
    assert 'parameters { key: "execution_mode" value: { string_value: "1" } }' in text
    assert 'parameters { key: "enable_mem_arena" value: { string_value: "0" } }' in text
    assert "# the backend has no key for session.intra_op.allow_spinning = 0" in text
