"""A step that crashes, hangs or says nothing is one failed record."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from make import make_artifact

from harness.build import build, process
from harness.core.errors import Failed, Unsupported


@pytest.fixture
def behaves(tmp_path: Path) -> Callable[[str], process.Run]:
    """Let a shell script stand for the interpreter of the build's process."""

    def put(script: str) -> process.Run:
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return partial(process.run, python=str(path))

    return put


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'kernel panic' >&2; kill -SEGV $$", "the build died of SIGSEGV: kernel panic"),
        ("kill -KILL $$", "the build was killed (SIGKILL; out of memory?)"),
        (
            "echo 'first' >&2; echo 'last words' >&2; exit 3",
            "the build ended with code 3 and no answer: last words",
        ),
        ("exit 0", "the build ended with code 0 and no answer"),
        ("sleep 30", "the build took longer than 0 s and was ended"),
    ],
)
def test_a_process_that_dies_is_told_in_one_line(
    behaves: Callable[[str], process.Run], tmp_path: Path, script: str, said: str
) -> None:
    limit_s = 0.3 if "sleep" in script else 20.0
    with pytest.raises(Failed) as caught:
        build(make_artifact({}, "fake"), tmp_path / "cache", limit_s, behaves(script))
    assert str(caught.value) == said
    assert not list((tmp_path / "cache" / "artifacts").iterdir())


def test_an_error_that_nobody_foresaw_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="TypeError: "):
        build(make_artifact({"inputs": {"x": {"shape": 3}}}, "fake"), tmp_path / "cache")


def test_the_worker_is_found_whatever_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('this is not the json you want')")
    monkeypatch.chdir(tmp_path)
    assert build(make_artifact({"call_ns": [1]}, "fake"), tmp_path / "cache").engine == "fake"


def test_a_full_disk_is_a_failed_record(tmp_path: Path) -> None:
    def full(request: object, timeout_s: float) -> Any:
        raise OSError(28, "No space left on device", "/cache/model.onnx")

    with pytest.raises(Failed, match=r"/cache/model\.onnx: No space left on device"):
        build(make_artifact({}, "fake"), tmp_path / "cache", run=full)


def test_a_fake_model_is_whatever_it_is_said_to_be(tmp_path: Path) -> None:
    options = {
        "call_ns": [5, 6],
        "inputs": {"ids": {"dtype": "int64", "shape": ["batch", 3], "high": 9}},
        "output_names": ["a", "b"],
    }
    built = build(make_artifact(options, "fake", precision="int8_static", opset=11, format="ort"), tmp_path)
    assert (built.engine, built.precision, built.opset) == ("fake", "int8_static", 11)
    assert Path(built.path).read_text() == '{"call_ns": [5, 6]}'
    assert (built.inputs[0].shape, built.inputs[0].high, built.outputs) == (("batch", 3), 9, ("a", "b"))


def test_a_fake_model_may_refuse_or_fail(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="not on Mondays"):
        build(make_artifact({"unsupported": "not on Mondays"}, "fake"), tmp_path)
    with pytest.raises(Failed, match="out of luck"):
        build(make_artifact({"failed": "out of luck"}, "fake"), tmp_path)


def test_an_unknown_source_fails_with_the_closest_one(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="unknown source 'onx': did you mean 'onnx'"):
        build(make_artifact({}, "onx"), tmp_path)
