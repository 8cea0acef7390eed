"""Graphs rewritten before anything is made of them: by ONNX Runtime, and by tools in folders of their own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from make import make_artifact
from models import images, net, run

from harness.build import build, fp32_reference
from harness.build.optimizers.main import by_onnxoptimizer
from harness.core.artifact import Built
from harness.core.case import Named, freeze
from harness.core.errors import Failed, Unsupported
from harness.core.tools import TOOLS, Tool

ONNX = f"""
import importlib, sys
del sys.modules["onnx"]
sys.path.insert(0, {str(Path(onnx.__file__).parents[1])!r})
importlib.import_module("onnx")
"""
FAKE = """
def simplify(model):
    if not model.graph.node[0].op_type == "Conv":
        raise ValueError("cannot follow\\nand more")
    if model.graph.name == "rename":
        model.graph.output[0].name = model.graph.node[-1].output[0] = "renamed"
    model.graph.doc_string = "by the tool"
    return model, True
"""


def install(tool: Tool, draft: Path) -> None:
    """Install a stand-in for a tool, which finds onnx in this environment."""
    package = draft / "site" / tool.package
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(FAKE)
    (draft / "site" / "onnx.py").write_text(ONNX)
    facts = draft / "site" / f"{tool.package}-{tool.version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {tool.distribution}\nVersion: {tool.version}\n"
    )


def optimized(folder: Path, model: onnx.ModelProto, kind: str, **options: Any) -> Built:
    path = folder / "given.onnx"
    onnx.save(model, path)
    artifact = make_artifact(path, optimizer=Named("own", kind, freeze(options) if options else ()))
    built = build(artifact, folder / "cache", install=install)
    assert fp32_reference(artifact, built) == make_artifact(path)
    return built


def padded() -> onnx.ModelProto:
    """`net` with three nodes between its input and itself that change nothing."""
    model = net()
    model.graph.node[0].input[0] = "x3"
    for number in (3, 2, 1):
        before = f"x{number - 1}" if number > 1 else "x"
        model.graph.node.insert(0, onnx.helper.make_node("Identity", [before], [f"x{number}"]))
    return model


def test_the_runtimes_own_optimization_leaves_fewer_nodes_and_the_same_answers(tmp_path: Path) -> None:
    built = optimized(tmp_path, padded(), "ort")
    assert built.operators == {"FusedConv": 1, "Flatten": 1, "Gemm": 1}
    assert built.provenance["optimizer"]["nodes"] == [7, 3]
    assert (built.provenance["optimizer"]["options"], built.opset) == ({"level": "extended"}, 17)
    plain = build(make_artifact(tmp_path / "given.onnx"), tmp_path / "cache")
    assert np.allclose(run(built, x=images(3)), run(plain, x=images(3)), atol=1e-4)


def test_a_level_that_changes_nothing_is_a_note(tmp_path: Path) -> None:
    built = optimized(tmp_path, net(), "ort", level="disable")
    assert "onnxruntime left the operators as they were" in built.notes


def test_a_tool_runs_beside_this_environment_and_is_recorded(tmp_path: Path) -> None:
    built = optimized(tmp_path, net(), "onnxsim==0.0.9")
    assert onnx.load(built.path).graph.doc_string == "by the tool"
    done = built.provenance["optimizer"]
    assert (done["by"], done["nodes"], done["packages"]) == ("onnxsim==0.0.9", [4, 4], {"onnxsim": "0.0.9"})
    assert (tmp_path / "cache" / "tools").is_dir()


def test_a_tool_that_fails_or_renames_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Unsupported) as stopped:
        optimized(tmp_path, padded(), "onnxsim")
    assert str(stopped.value) == f"{TOOLS['onnxsim']} cannot optimize it: ValueError: cannot follow"
    model = net()
    model.graph.name = "rename"
    with pytest.raises(Failed, match="changed what the model takes and gives: x, scores became x, renamed"):
        optimized(tmp_path, model, "onnxsim")


def test_a_pass_that_is_not_there_is_named_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "onnxoptimizer.py").write_text(
        "get_available_passes = lambda: ['eliminate_identity', 'nop']\n"
    )
    monkeypatch.syspath_prepend(os.fspath(tmp_path))
    with pytest.raises(Failed, match=r"no pass 'eliminate_identiy': did you mean 'eliminate_identity'"):
        by_onnxoptimizer(net(), {"passes": ["eliminate_identiy"]})
