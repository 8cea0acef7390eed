"""What cannot be printed changes no verdict, and no fault of the harness reads as a regression."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from harness.cli import COMMANDS

Call = Callable[..., tuple[int, str, str]]
Shell = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    def call(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["bash", "-c", f"set -o pipefail; {line}".replace("harness", f"{sys.executable} -m harness")],
            cwd=tmp_path, env={**os.environ, **environment}, capture_output=True, check=False,
        )  # fmt: skip

    return call


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("harness plan fake.yaml > /dev/full", 3, "standard output: No space left on device; what was to be"),
        ("harness plan fake.yaml >&-", 3, "standard output: it is closed; what was to be printed is lost"),
        ("harness --help > /dev/full", 3, "standard output: No space left on device"),
        ("harness nosuch > /dev/full", 2, "unknown command 'nosuch'"),
        ("harness plan fake.yaml --format json | true", 0, ""),
        ("harness --help | true", 0, ""),
        ("harness plan fake.yaml 2>&- > /dev/null", 0, ""),
        ("harness nosuch 2> /dev/full", 2, ""),
        ("harness nosuch <&- >&- 2>&-", 2, ""),
    ],
)
def test_a_stream_that_takes_nothing_is_told_and_ends_no_command(
    suite: Callable[..., Path], shell: Shell, line: str, code: int, words: str
) -> None:
    suite()
    done = shell(line)
    errors = done.stderr.decode()
    assert (done.returncode, "Traceback" in errors) == (code, False)
    assert errors.count("\n") == bool(words)
    assert words in errors


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii", "utf-8"])
def test_what_an_encoding_lacks_is_escaped(suite: Callable[..., Path], shell: Shell, encoding: str) -> None:
    path = suite()
    path.write_text(path.read_text().replace("m:", "模型→😀:", 1))
    done = shell("harness plan fake.yaml", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode("utf-8" if encoding == "ascii" else encoding)  # click writes UTF-8 for ASCII
    assert ("模型→😀" if encoding in ("utf-8", "ascii") else "\\u6a21\\u578b\\u2192\\ud83d\\ude00") in text


def test_any_other_exception_is_one_line_with_a_report_and_never_exit_code_1(
    harness: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("no\nluck")

    monkeypatch.setitem(COMMANDS, "broken", "")
    module = SimpleNamespace(broken=click.Command("broken", callback=broken))
    monkeypatch.setitem(sys.modules, "harness.cli.broken", module)
    code, out, err = harness("broken")
    assert (code, out) == (4, "")
    (name,) = re.fullmatch(
        r"error: a fault of the harness, .*\(ZeroDivisionError: no\); please report it with (\S+)\n", err
    ).groups()  # type: ignore[union-attr]
    report = Path(name).read_text()
    assert "Traceback" in report
    assert 'raise ZeroDivisionError("no\\nluck")' in report
    Path(name).unlink()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "a" * 300 + ".yaml"], 2, "File name too long"),
        (["show", "--results", "a" * 300], 2, "File name too long"),
        (["show", "b" * 300], 2, "no runs yet"),
        (["run", "\udcff.yaml"], 2, "no file"),
        (["show", "--results", "\udcff"], 2, "no runs yet"),
        (["history", "--metric", "\udcff"], 2, "no runs yet"),
        (["merge", "a" * 300], 2, "File name too long"),
    ],
)
def test_odd_names_are_one_line(harness: Call, arguments: list[str], code: int, words: str) -> None:
    found, out, err = harness(*arguments)
    assert (found, out) == (code, "")
    assert re.fullmatch(r"error: [^\n]+\n", err)
    assert words in err


def test_results_lie_in_a_folder_whose_name_is_no_text(suite: Callable[..., Path], shell: Shell) -> None:
    suite()
    for command in ("run fake.yaml", "show", "history"):
        done = shell(f"harness {command} --results $'\\xffres'")
        assert (done.returncode, b"error" in done.stderr) == (0, False)
    assert b"\\udcffres/runs" in shell("harness run fake.yaml --results $'\\xffres'").stderr


def test_the_next_hint_repeats_the_folder_of_results(suite: Callable[..., Path], harness: Call) -> None:
    _, _, err = harness("run", suite(), "--results", "my results")
    assert "show --format markdown --results 'my results'; " in err
    _, _, err = harness("run", suite())
    assert "--results" not in err


@pytest.mark.parametrize(
    "metric", ["axes", "samples", "status", "position", "record", "latency/p50.low", "*x"]
)
def test_a_column_that_is_no_metric_is_one_line_with_the_nearest(
    suite: Callable[..., Path], harness: Call, metric: str
) -> None:
    harness("run", suite())
    code, out, err = harness("history", "--metric", metric)
    assert (code, out) == (2, "")
    assert re.fullmatch(rf"error: no run has the metric '{re.escape(metric)}': .*nearest of .*\n", err)


def test_a_damaged_run_is_one_warning_and_the_others_are_shown(
    suite: Callable[..., Path], harness: Call, tmp_path: Path
) -> None:
    for _ in range(2):
        harness("run", suite())
    first, second = sorted((tmp_path / "results" / "runs").iterdir())
    file = first / "run.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    code, out, err = harness("history", "--format", "json")
    assert (code, second.name in out, first.name in out) == (0, True, False)
    assert re.fullmatch(rf"warning: [^\n]*{first.name}/run\.parquet: [^\n]*\n", err)
    code, out, err = harness("show", first.name)
    assert (code, out) == (3, "")
    assert re.fullmatch(rf"error: [^\n]*{first.name}/run\.parquet: [^\n]*\n", err)


def test_the_script_of_a_model_without_inputs_runs(harness: Call) -> None:
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    constant = numpy_helper.from_array(np.ones((2, 2), np.float32), "w")
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 2])
    graph = helper.make_graph([helper.make_node("Add", ["w", "w"], ["y"])], "g", [], [output], [constant])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), "constant.onnx"
    )
    harness("sweep", "constant.onnx", "--seconds", "0.05")
    code, script, _ = harness("repro", "constant")
    assert code == 0
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "calls of constant" in done.stdout
