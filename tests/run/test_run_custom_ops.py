"""Libraries of custom operators: registered in every session, hashed into the record."""

from __future__ import annotations

import shutil
from importlib import import_module
from pathlib import Path

import onnx
import pytest
from models import make_model, value
from onnx import helper

from harness.core.case import thaw
from harness.core.errors import InputError, SuiteError
from harness.core.hashing import hash_file
from harness.core.record import Record, Status
from harness.core.suite import Plan
from harness.plan import plan_model
from harness.run.assume import assume
from harness.run.bench import open_bench
from harness.run.job import environment, header


@pytest.fixture
def library() -> Path:
    """The operators of ``ai.onnx.contrib``, built for ONNX Runtime."""
    return Path(import_module("onnxruntime_extensions").get_library_path())


def write(path: Path, *shape: str | int) -> Path:
    node = helper.make_node("NegPos", ["x"], ["low", "high"], domain="ai.onnx.contrib")
    outputs = [value("low", list(shape)), value("high", list(shape))]
    model = make_model([node], [value("x", list(shape))], outputs, domains=("ai.onnx.contrib",))
    onnx.save(model, path)
    return path


def measure(plan: Plan, folder: Path) -> Record:
    return open_bench(plan.suite, folder / "cache", folder / "work", environment(plan)).measure(plan.cases[0])


QUICK = {"calls": 5, "warmup_calls": 0, "warmup_seconds": 0}


def test_a_library_is_registered_and_hashed_into_the_record(tmp_path: Path, library: Path) -> None:
    model = write(tmp_path / "m.onnx", "n", 3)
    plan = plan_model(model, custom_ops=[str(library)], sampling=QUICK)
    assert plan.cases[0].key == "m", "a setting, and no axis"
    record = measure(plan, tmp_path)
    assert record.status is Status.OK, record.reason
    assert record.effective["custom_ops"] == [{"name": library.name, "sha256": hash_file(library)}]
    assert record.asked["session"]["custom_ops"] == [str(library)]


def test_a_missing_domain_is_named_with_how_to_add_it(tmp_path: Path, library: Path) -> None:
    record = measure(plan_model(write(tmp_path / "m.onnx", "n", 3), sampling=QUICK), tmp_path)
    assert record.status is Status.UNSUPPORTED
    assert "no operators of ai.onnx.contrib; name the library that brings them: --custom-ops" in record.reason
    assert record.reason.count("\n") == 0
    with pytest.raises(InputError, match=r"no operators of ai\.onnx\.contrib"):
        assume(write(tmp_path / "open.onnx", "n", "rows"), {})
    assert assume(tmp_path / "open.onnx", {}, custom_ops=[str(library)]).sizes == {"rows": 224}


def test_what_is_no_library_is_refused_in_the_words_of_the_runtime(tmp_path: Path) -> None:
    model = write(tmp_path / "m.onnx", "n", 3)
    record = measure(plan_model(model, custom_ops=[str(model)], sampling=QUICK), tmp_path)
    assert record.status is Status.FAILED
    assert f"custom operators: {model} cannot be registered" in record.reason


def test_another_library_under_the_same_name_is_another_plan(tmp_path: Path) -> None:
    """The library need not load: its bytes count."""
    model, library = write(tmp_path / "m.onnx", "n", 3), tmp_path / "ops.so"
    hashes = []
    for content in (b"one", b"two"):
        library.write_bytes(content)
        plan = plan_model(model, custom_ops=[str(library)])
        hashes.append(header(plan, environment(plan)).plan_hash)
    assert hashes[0] != hashes[1]


def test_a_library_that_is_not_there_is_a_mistake_in_the_suite(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"session.custom_ops\[0\]: no file 'none.so'"):
        plan_model(write(tmp_path / "m.onnx", "n", 3), custom_ops=["none.so"])


def test_paths_of_libraries_are_relative_to_the_suite(tmp_path: Path, library: Path) -> None:
    from harness.plan import plan

    write(tmp_path / "m.onnx", "n", 3)
    shutil.copy(library, tmp_path / "ops.so")
    suite = tmp_path / "s.yaml"
    suite.write_text("models: {m: {source: {onnx: m.onnx}}}\nsession: {custom_ops: [ops.so]}\n")
    (case,) = plan(suite).cases
    assert thaw(case.session.custom_ops) == [str(tmp_path / "ops.so")]


def test_a_model_that_brings_its_operators_itself_needs_no_library(tmp_path: Path) -> None:
    from harness.build.reading import read_onnx

    node = helper.make_node("Twice", ["x"], ["y"], domain="mine")
    model = make_model([node], [value("x", ["n", 3])], [value("y", ["n", 3])], domains=("mine",))
    onnx.save(model, tmp_path / "m.onnx")
    assert read_onnx(tmp_path / "m.onnx").custom_domains == ("mine",)
    twice = helper.make_node("Add", ["a", "a"], ["b"])
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("mine", "Twice", ["a"], ["b"], [twice], opsets))
    onnx.save(model, tmp_path / "m.onnx")
    assert read_onnx(tmp_path / "m.onnx").custom_domains == ()
