"""Operations of whole models: beside another counter, and how much of a model is counted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from harness.measure.worker import ort_profile, ort_proof
from harness.profile.flops import PRODUCTS, work
from harness.profile.job import read_graph
from harness.profile.model import Kernel, Work
from harness.profile.operation import Operation, operations

pytestmark = pytest.mark.xdist_group("counts")  # they share exported models


def ran(path: Path, feeds: Mapping[str, np.ndarray]) -> list[tuple[Operation, Work]]:
    """The nodes of the graph that ran, with their work."""
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    options.enable_profiling, options.profile_file_prefix = True, str(path.with_name("profile"))
    options.optimized_model_filepath = str(path.with_name("optimized.onnx"))
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    session.run(None, dict(feeds))
    profile = ort_profile.warm_calls(ort_proof.read_events(session), 0)
    found = operations(profile, read_graph(path.with_name("optimized.onnx")))
    return [(node, work(node)) for node in found]


def exported(model: Any, example: Any, path: Path) -> Path:
    import torch

    torch.onnx.export(model, (example,), path, input_names=["x"], output_names=["y"], dynamo=False)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any, Any]]:
    """Both models, exported, with an input of each."""
    torch = pytest.importorskip("torch", reason="needs the torch extra")
    from torch_modules import Convolutional, Encoder

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("counts")
    found = {}
    for name, model, shape in (("cnn", Convolutional(), (2, 3, 32, 32)), ("encoder", Encoder(), (2, 16, 64))):
        example = torch.randn(*shape)
        (folder / name).mkdir()
        found[name] = (exported(model.eval(), example, folder / name / "model.onnx"), model, example)
    return found


def flops_of(model: Any, example: Any) -> int:
    """What PyTorch's own counter says."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(example)
    return int(counter.get_total_flops())


@pytest.mark.filterwarnings("ignore")  # of the exporter
@pytest.mark.parametrize("name", ["cnn", "encoder"])
def test_products_are_counted_as_another_counter_does(name: str, models: dict[str, Any]) -> None:
    path, model, example = models[name]
    nodes = ran(path, {"x": example.numpy()})
    assert not [node.op for node, found in nodes if found.flops is None]
    ours = sum(found.flops or 0.0 for node, found in nodes if node.op in PRODUCTS)
    assert ours == pytest.approx(flops_of(model, example), rel=0.01)
    # what that counter leaves out is little
    assert sum(found.flops or 0.0 for _, found in nodes) == pytest.approx(ours, rel=0.1)


def small_bits(path: Path) -> dict[str, np.ndarray]:
    """Write a product with weights of four bits, and a norm."""
    draw = np.random.default_rng(0)
    weights = {
        "w": draw.integers(0, 255, (96, 2, 16)).astype(np.uint8),
        "s": draw.random(192).astype(np.float32),
        "g": np.ones(96, np.float32),
    }
    nodes = [
        onnx.helper.make_node(
            "MatMulNBits", ["x", "w", "s"], ["m"], "product", domain="com.microsoft",
            K=64, N=96, bits=4, block_size=32,
        ),
        onnx.helper.make_node("LayerNormalization", ["m", "g"], ["y"], "norm"),
    ]  # fmt: skip
    x, y = (onnx.helper.make_tensor_value_info(name, 1, [4, size]) for name, size in (("x", 64), ("y", 96)))
    parts = [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = onnx.helper.make_graph(nodes, "g", [x], [y], parts)
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.microsoft", 1)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return {"x": draw.standard_normal((4, 64)).astype(np.float32)}


def test_a_product_with_weights_of_four_bits_is_counted(tmp_path: Path) -> None:
    feeds = small_bits(tmp_path / "model.onnx")
    found = {node.op: count for node, count in ran(tmp_path / "model.onnx", feeds)}
    assert found["MatMulNBits"].flops == 2 * 4 * 64 * 96
    assert found["MatMulNBits"].moved_bytes == 4 * 4 * (64 + 96) + 96 * 2 * 16 + 4 * 192
    assert found["LayerNormalization"].flops == 7 * 4 * 96


@pytest.mark.filterwarnings("ignore")  # of the exporter and the quantizer
@pytest.mark.parametrize("name", ["cnn", "encoder"])
@pytest.mark.parametrize("how", ["static", "dynamic"])
def test_every_operator_of_an_int8_model_is_counted(
    name: str, how: str, models: dict[str, Any], tmp_path: Path
) -> None:
    from onnxruntime.quantization import CalibrationDataReader, quantize_dynamic, quantize_static

    path, model, example = models[name]
    feeds = {"x": example.numpy()}

    class Once(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = [feeds]

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    if how == "static":
        quantize_static(path, tmp_path / "model.onnx", Once())
    else:
        quantize_dynamic(path, tmp_path / "model.onnx")
    nodes = ran(tmp_path / "model.onnx", feeds)
    assert {node.op: found.reason for node, found in nodes if found.flops is None} == {}
    products = [found for node, found in nodes if node.op in PRODUCTS]
    assert sum(found.flops or 0.0 for found in products) == pytest.approx(flops_of(model, example), rel=0.01)
    assert any(found.kernel is Kernel.INT8 for found in products)
