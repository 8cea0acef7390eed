"""The zoo: real architectures, random weights, outputs that depend on the input, any batch."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from make import make_artifact
from models import run
from onnx import numpy_helper

from harness.build import build
from harness.build.sources import zoo
from harness.core.errors import Failed, Unsupported
from harness.core.vocabulary import ZOO

pytestmark = pytest.mark.xdist_group("zoo")  # they share a cache

SMALL = ("densenet121", "inception_v1", "shufflenet", "squeezenet")
LARGE = tuple(sorted(set(ZOO) - set(SMALL)))

PARAMETERS = {
    "bvlc_alexnet": 60_965_224,
    "densenet121": 8_146_152,
    "inception_v1": 6_998_552,
    "inception_v2": 11_234_792,
    "resnet50": 25_610_152,
    "shufflenet": 1_420_152,
    "squeezenet": 1_235_496,
    "vgg19": 143_667_240,
    "zfnet512": 87_250_536,
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)])
def test_outputs_vary_with_the_input_at_any_batch(cache: Path, name: str) -> None:
    built = build(make_artifact({"name": name}, "zoo"), cache)
    (item,) = built.inputs
    assert item.shape == ("batch", 3, 224, 224)
    assert (built.opset, built.precision, built.random_weights) == (17, "fp32", True)
    noise = np.random.default_rng(7).standard_normal((3, 3, 224, 224), np.float32)
    three, one = run(built, **{item.name: noise}), run(built, **{item.name: noise[:1]})
    assert three.shape == (3, 1000, *three.shape[2:])
    assert np.isfinite(three).all()
    assert np.allclose(one[0], three[0], rtol=1e-3, atol=1e-6)
    classes = three.reshape(3, -1)
    assert classes.std(axis=0).mean() > 1e-3 * classes.std(axis=1).mean()
    weights = [item for item in onnx.load(built.path).graph.initializer if item.data_type == 1]
    assert sum(math.prod(item.dims) for item in weights) == PARAMETERS[name]


def test_variances_are_positive_and_kernels_keep_the_size_of_signals(cache: Path) -> None:
    model = onnx.load(build(make_artifact({"name": "densenet121"}, "zoo"), cache).path)
    arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    norms = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    assert len(norms) == 121
    assert min(arrays[node.input[4]].min() for node in norms) > 0.5
    kernels = [arrays[node.input[1]] for node in model.graph.node if node.op_type == "Conv"][1:-1]
    squares = [float((kernel.reshape(len(kernel), -1) ** 2).sum(axis=1).mean()) for kernel in kernels]
    assert squares == pytest.approx([2.0] * len(kernels), rel=1e-5)


def test_a_seed_gives_the_same_bytes_every_time(cache: Path, tmp_path: Path) -> None:
    first = build(make_artifact({"name": "squeezenet"}, "zoo"), cache)
    assert build(make_artifact({"name": "squeezenet"}, "zoo"), tmp_path / "again").sha256 == first.sha256
    assert build(make_artifact({"name": "squeezenet", "seed": 1}, "zoo"), cache).sha256 != first.sha256


@pytest.mark.parametrize("opset", [9, 13, 21])
def test_the_graph_is_converted_to_the_opset_asked_for(cache: Path, opset: int) -> None:
    built = build(make_artifact({"name": "squeezenet"}, "zoo", opset=opset), cache)
    given = build(make_artifact({"name": "squeezenet"}, "zoo"), cache)
    noise = np.random.default_rng(7).standard_normal((2, 3, 224, 224), np.float32)
    assert built.opset == opset
    assert np.allclose(run(built, data_0=noise), run(given, data_0=noise), atol=1e-6)


def test_an_opset_older_than_the_graph_is_unsupported(cache: Path) -> None:
    with pytest.raises(Unsupported, match="cannot convert from opset 9 to 8: No Previous Version"):
        build(make_artifact({"name": "squeezenet"}, "zoo", opset=8), cache)


def test_a_zoo_model_is_not_exported(cache: Path) -> None:
    with pytest.raises(Unsupported, match="a zoo model is a graph already"):
        build(make_artifact({"name": "squeezenet"}, "zoo", exporter="dynamo"), cache)


def test_an_unknown_name_fails_with_the_closest_one(cache: Path) -> None:
    with pytest.raises(Failed, match="unknown zoo model 'squeeznet': did you mean 'squeezenet'"):
        build(make_artifact({"name": "squeeznet"}, "zoo"), cache)


@pytest.mark.parametrize("name", ZOO)
def test_every_name_is_a_graph_of_the_wheel(name: str) -> None:
    assert len(zoo.Zoo.identify({"name": name}, zoo.Asked())["sha256"]) == 64
