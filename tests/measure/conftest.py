"""Models of a few nodes, and requests to measure them."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from harness import measure
from harness.core.artifact import Built, Input
from harness.core.case import Artifact, Case, Load, Model, Session, Source
from harness.core.passes import chosen
from harness.core.suite import Measure, Sampling

X = Input("x", "float32", ("N", 4))
ONE_THREAD = Session(intra_threads=1)
PAIR = Load(batch=2)
DEFAULT = Measure()
ALL = chosen({})
FEW = Sampling(calls=8, seconds=None, warmup_calls=3, warmup_s=0, timeout_s=60)


def value(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def save(path, nodes, inputs, outputs, weights=(), *, opset=17, ir_version=8, domains=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(name, 1) for name in domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=ir_version), path)
    return path


@pytest.fixture(scope="session")
def relu(tmp_path_factory):
    """y = max(x, 0), [N, 4]."""
    path = tmp_path_factory.mktemp("models") / "relu.onnx"
    return save(
        path, [helper.make_node("Relu", ["x"], ["y"])], [value("x", ["N", 4])], [value("y", ["N", 4])]
    )


@pytest.fixture(scope="session")
def conv(tmp_path_factory):
    """A convolution, its activation, a pool: what a runtime fuses."""
    weight = np.random.default_rng(0).standard_normal((16, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4, name="conv"),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["y"], name="pool"),
    ]
    path = tmp_path_factory.mktemp("models") / "conv.onnx"
    inputs, outputs = [value("x", ["N", 3, 16, 16])], [value("y", ["N", 16, 1, 1])]
    return save(path, nodes, inputs, outputs, [numpy_helper.from_array(weight, "w")])


IMAGE = Input("x", "float32", ("N", 3, 16, 16))


@pytest.fixture
def ask():
    """Put together a request: any part of it by name."""

    def ask(
        path,
        *,
        inputs=(X,),
        session=ONE_THREAD,
        load=PAIR,
        model=None,
        sampling=FEW,
        wanted=DEFAULT,
        engine="ort",
        cores=None,
        passes=ALL,
        **options,
    ):
        built = Built(str(path), "0" * 64, 1, 17, "fp32", {}, inputs, ("y",), engine=engine)
        case = Case(Artifact(model or Model("m", Source("onnx", ()))), session, load)
        cores = cores or measure.choose_cores(session.intra_threads)
        return measure.request(case, built, sampling, wanted, cores=cores, passes=passes, **options)

    return ask


@pytest.fixture
def fake(tmp_path, ask):
    """Put together a request for the fake engine, from what its file says."""

    def fake(says, **options):
        path = tmp_path / "model.json"
        path.write_text(json.dumps(says))
        return ask(path, engine="fake", **options)

    return fake


@pytest.fixture
def work(tmp_path) -> Path:
    return tmp_path / "work"
