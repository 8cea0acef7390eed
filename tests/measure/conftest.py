"""Models of a few nodes, and requests to measure them."""

import json
from pathlib import Path

import models
import onnx
import pytest

from harness import measure
from harness.core.artifact import Built
from harness.core.case import Artifact, Case, Load, Model, Session, Source
from harness.core.inputs import Input
from harness.core.passes import chosen
from harness.core.sampling import Sampling
from harness.core.suite import Measure

X = Input("x", "float32", ("N", 4))
ONE_THREAD = Session(intra_threads=1)
PAIR = Load(batch=2)
DEFAULT = Measure()
ALL = chosen({})
FEW = Sampling(calls=8, seconds=None, warmup_calls=3, warmup_s=0, timeout_s=60)


@pytest.fixture(scope="session")
def relu(tmp_path_factory):
    """The file of `models.relu`."""
    path = tmp_path_factory.mktemp("models") / "relu.onnx"
    onnx.save(models.relu(), path)
    return path


@pytest.fixture(scope="session")
def conv(tmp_path_factory):
    """The file of `models.conv`."""
    path = tmp_path_factory.mktemp("models") / "conv.onnx"
    onnx.save(models.conv(), path)
    return path


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
