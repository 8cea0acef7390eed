"""Torch modules: exported as asked, and what cannot be had said so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make import make_artifact
from models import ROOT, run

from harness.build import build
from harness.build.sources import Asked, torch_module
from harness.core.case import freeze
from harness.core.errors import Failed, Unsupported
from harness.core.inputs import Input

pytestmark = pytest.mark.xdist_group("torch")  # they share a cache

MODELS = ROOT / "suites" / "models"

TINY = """
import torch

class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x).relu()

def pair():
    return Tiny(), torch.zeros(1, 4)

def breaks():
    raise OSError("no weights here")

class Refactored(Tiny):
    def forward(self, x):
        return self.linear(x, bias=None)

def refactored():
    return Refactored(), torch.zeros(1, 4)

class Nameless(Tiny):
    def forward(self, x, /):
        return self.linear(x).relu()

def nameless():
    return Nameless(), torch.zeros(1, 4)
"""

needs_torch = pytest.mark.torch


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def with_torch(request: pytest.FixtureRequest) -> None:
    """Skip, and say why, where a test needs torch and there is none."""
    if request.node.get_closest_marker("torch"):
        pytest.importorskip("torch", reason="needs the torch extra")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.py"
    path.write_text(TINY)
    return path


def target(path: Path, function: str) -> dict[str, str]:
    return {"target": f"{path}:{function}"}


@needs_torch
def test_dynamo_gives_the_opset_asked_for_with_a_symbolic_batch(cache: Path, tiny: Path) -> None:
    built = build(make_artifact(target(tiny, "pair"), "torch", exporter="dynamo", opset=19), cache)
    assert (built.opset, built.precision) == (19, "fp32")
    assert built.inputs == (Input("x", "float32", ("batch", 4)),)
    assert built.provenance["exporter"] == "dynamo"
    assert built.provenance["source"]["target"] == "tiny.py:pair"
    assert built.provenance["source"]["versions"]["torch"]
    assert [run(built, x=np.ones((n, 4), np.float32)).shape for n in (1, 5)] == [(1, 3), (5, 3)]


@needs_torch
def test_the_bytes_are_the_same_in_any_folder(cache: Path, tiny: Path, tmp_path: Path) -> None:
    """Exporters write stack traces into the file, with the paths of this machine."""
    built = [
        build(make_artifact(target(tiny, "pair"), "torch", exporter="dynamo", opset=19), folder)
        for folder in (cache, tmp_path / "cache")
    ]
    assert built[0].sha256 == built[1].sha256
    assert str(tmp_path) not in Path(built[1].path).read_bytes().decode("latin-1")


@needs_torch
def test_dynamo_that_keeps_opset_18_is_not_measured_as_13(tiny: Path, tmp_path: Path) -> None:
    """It returns normally: only the file tells."""
    with pytest.raises(Unsupported) as caught:
        build(make_artifact(target(tiny, "pair"), "torch", exporter="dynamo", opset=13), tmp_path / "cache")
    assert str(caught.value) == ("asked for opset 13; dynamo gave 18 (No Adapter From Version $14 for Relu)")


@needs_torch
def test_torchscript_gives_old_opsets(cache: Path) -> None:
    asked = make_artifact({"target": f"{MODELS}/encoder.py:model"}, "torch", exporter="torchscript", opset=11)
    built = build(asked, cache)
    assert built.opset == 11
    assert built.inputs == (
        Input("input_ids", "int64", ("batch", "sequence"), low=0, high=4096),
        Input("attention_mask", "int64", ("batch", "sequence"), fill=1),
    )
    ids, mask = np.arange(15).reshape(3, 5), np.ones((3, 5), np.int64)
    assert run(built, input_ids=ids, attention_mask=mask).shape == (3, 256)


@needs_torch
def test_torchscript_refuses_newer_opsets(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(Unsupported) as caught:
        build(
            make_artifact(target(tiny, "pair"), "torch", exporter="torchscript", opset=24), tmp_path / "cache"
        )
    assert str(caught.value) == (
        "torchscript cannot export it: RuntimeError: Unsupported onnx_opset_version: 24"
    )


@needs_torch
def test_a_module_is_found_by_name_from_the_working_folder(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    built = build(make_artifact({"target": "tiny:pair"}, "torch", exporter="torchscript"), tmp_path / "cache")
    assert built.provenance["source"]["target"] == "tiny:pair"


@needs_torch
def test_a_function_that_raises_fails_in_one_line(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(Failed) as caught:
        build(make_artifact(target(tiny, "breaks"), "torch"), tmp_path / "cache")
    assert str(caught.value) == f"torch source: {tiny}:breaks raised OSError: no weights here"


@needs_torch
@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_a_module_that_raises_fails_whatever_the_exporter(tiny: Path, tmp_path: Path, exporter: str) -> None:
    """It is broken, not beyond an exporter: a night must not stay green over it."""
    with pytest.raises(Failed, match=r"the module of .*tiny\.py:refactored raised TypeError: .*bias"):
        build(make_artifact(target(tiny, "refactored"), "torch", exporter=exporter), tmp_path / "cache")


@needs_torch
def test_a_module_without_names_for_its_inputs_is_called_by_their_order(tiny: Path, tmp_path: Path) -> None:
    built = build(
        make_artifact(target(tiny, "nameless"), "torch", exporter="torchscript"), tmp_path / "cache"
    )
    assert [item.name for item in built.inputs] == ["x"]


@needs_torch
def test_a_function_that_is_not_there_is_named(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.build.sources.torch_export import _example

    monkeypatch.syspath_prepend(tiny.parent)  # puts the path back afterwards
    with pytest.raises(Failed, match=r"tiny\.py has no function 'nothing'"):
        _example(f"{tiny}:nothing")


@needs_torch
def test_building_keeps_torch_out_of_the_process_that_measures(tiny: Path, tmp_path: Path) -> None:
    script = f"""
import sys
from pathlib import Path
from harness.build import build
from harness.core.case import Artifact, Model, Source, freeze
model = Model("m", Source("torch", freeze({target(tiny, "pair")!r})))
build(Artifact(model, exporter="torchscript"), Path({str(tmp_path / "cache")!r}))
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


@needs_torch
def test_an_unknown_exporter_fails_with_the_known_ones(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="unknown exporter 'dynmo': did you mean 'dynamo'"):
        build(make_artifact(target(tiny, "pair"), "torch", exporter="dynmo"), tmp_path / "cache")


def test_without_torch_the_case_says_what_to_install(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # as where it is not installed
    with pytest.raises(Unsupported) as caught:
        build(make_artifact(target(tiny, "pair"), "torch"), tmp_path / "cache")
    assert str(caught.value) == "needs torch: pip install 'torch>=2.9,<3' 'onnxscript>=0.5'"


def identify(where: str) -> str:
    return str(torch_module.TorchModule.identify({"target": f"{where}:pair"}, Asked())["sha256"])


@needs_torch
def test_what_lies_beside_a_module_is_part_of_it(tiny: Path) -> None:
    seen = [identify(str(tiny))]
    for name, text in (
        ("tiny_weights.bin", "1"),
        ("tiny_weights.bin", "2"),
        ("layers.py", "x = 1"),
        ("tiny.py", TINY + "\n# changed"),
    ):
        tiny.with_name(name).write_text(text)
        seen.append(identify(str(tiny)))
    assert len(set(seen)) == 5
    tiny.with_name("notes.txt").write_text("nothing to do with it")
    assert identify(str(tiny)) == seen[-1]


@needs_torch
def test_a_package_is_all_of_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "__init__.py").write_text("")
    (tmp_path / "nets" / "tiny.py").write_text(TINY)
    before = identify("nets.tiny")
    (tmp_path / "nets" / "Blocks").mkdir()  # sorts before __init__.py
    (tmp_path / "nets" / "Blocks" / "layers.py").write_text("x = 1")
    assert identify("nets.tiny") != before


LOADS = """
import torch
from pathlib import Path

def pair():
    module = torch.nn.Linear(4, 3)
    module.load_state_dict(torch.load(Path(__file__).parent / "checkpoint.pt"))
    return module, torch.zeros(2, 4)
"""


@needs_torch
def test_other_weights_beside_a_module_are_another_artifact(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import torch

    def given(folder: str, fill: float) -> tuple[str, float]:
        """Build ``net.py`` with a bias of `fill`; return the artifact's hash and that bias."""
        path = tmp_path / folder / "net.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(LOADS)
        weights = {"weight": torch.zeros(3, 4), "bias": torch.full((3,), fill)}
        torch.save(weights, path.with_name("checkpoint.pt"))
        built = build(
            make_artifact(target(path, "pair"), "torch", exporter="torchscript"), tmp_path / "cache"
        )
        return built.sha256, float(run(built, input=np.zeros((1, 4), np.float32))[0, 0])

    first, same = given("a", 1.0), given("a", 1.0)
    assert same == first == (first[0], 1.0)
    assert caplog.text == ""
    copied = given("b", 2.0)
    assert copied == (copied[0], 2.0)
    assert given("a", 3.0)[1] == 3.0
    assert f"{tmp_path}/a/checkpoint.pt, which it was made of, has changed" in caplog.text


@needs_torch
@pytest.mark.parametrize("where", ["/nowhere/net.py", "no_such_module"])
def test_a_module_that_is_not_there_is_named(where: str) -> None:
    with pytest.raises(Failed, match=where):
        identify(where)


def read(made: Any) -> Any:
    from harness.build.sources.torch_export import _read

    return _read("net.py:model", made)


@needs_torch
def test_a_function_may_return_a_pair_a_mapping_or_an_object() -> None:
    import types

    import torch

    module, x = torch.nn.Linear(4, 3), torch.zeros(2, 4)
    for made in ((module, x), (module, (x,)), (module, {"input": x}), {"module": module, "inputs": x}):
        example = read(made)
        assert list(example.inputs) == ["input"]
        assert example.dynamic_shapes == {"input": {0: "batch"}}
        assert example.output_names is None
    named = types.SimpleNamespace(module=module, inputs=x, output_names=("y",), dynamic_shapes={"input": {}})
    assert (read(named).output_names, read(named).dynamic_shapes) == (["y"], {"input": {}})


@needs_torch
@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "must return (module, example inputs), got NoneType"),
        ((1, 2), "must return (module, example inputs)"),
        ({"module": 1, "input": 2}, "unknown key 'input'"),
    ],
)
def test_anything_else_is_refused(made: Any, said: str) -> None:
    with pytest.raises(Failed) as caught:
        read(made)
    assert said in str(caught.value)


@needs_torch
def test_a_symbolic_axis_of_one_is_doubled_for_the_export() -> None:
    import torch

    example = read((torch.nn.Linear(4, 3), torch.zeros(1, 4)))
    assert example.inputs["input"].shape == (2, 4)


@needs_torch
@pytest.mark.parametrize("precision", ["fp16", "int8_dynamic", "int8_static"])
def test_an_exported_encoder_converts_and_keeps_its_hints(cache: Path, precision: str) -> None:
    keys: Mapping[str, Any] = {"model": {"shapes": freeze({"sequence": 16})}, "exporter": "torchscript"}
    options = {"target": f"{MODELS}/encoder.py:model"}
    given = build(make_artifact(options, "torch", opset=17, **keys), cache)
    built = build(make_artifact(options, "torch", opset=17, precision=precision, **keys), cache)
    assert built.inputs == given.inputs
    ids, mask = np.arange(32).reshape(2, 16), np.ones((2, 16), np.int64)
    answers = [run(item, input_ids=ids, attention_mask=mask) for item in (given, built)]
    cosine = (answers[0] * answers[1]).sum() / np.linalg.norm(answers[0]) / np.linalg.norm(answers[1])
    assert 0.99 < cosine < 0.99999999


@needs_torch
def test_symbolic_axes_that_a_suite_names_must_be_there() -> None:
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    from harness.build.sources.torch_export import _asked_shapes

    inputs = {"ids": torch.zeros(2, 3)}
    assert _asked_shapes({"ids": {"1": "sequence"}}, inputs) == {"ids": {1: "sequence"}}
    assert _asked_shapes({}, inputs) == {}
    with pytest.raises(Failed, match="dynamic_shapes: no input 'id': did you mean 'ids'"):
        _asked_shapes({"id": {"0": "batch"}}, inputs)
    with pytest.raises(Failed, match="dynamic_shapes: input 'ids' has 2 axes, none is 2"):
        _asked_shapes({"ids": {"2": "batch"}}, inputs)
