"""The command line: one clear line for a mistake, results alone on standard output, all of it documented."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from harness.cli import COMMANDS
from harness.cli import harness as program
from harness.core.case import Case
from harness.core.record import Record
from harness.run.bench import Bench

ROOT = Path(__file__).parents[2]
DIGITS = ROOT / "suites" / "models" / "digits_cnn.onnx"
Call = Callable[..., tuple[int, str, str]]
Suite = Callable[..., Path]


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and subcommand, by its name on the command line."""
    context = click.Context(program)
    for name in COMMANDS:
        command = program.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", found) for sub, found in command.commands.items())


EVERY = list(commands())


@pytest.mark.parametrize(("name", "command"), EVERY, ids=[name for name, _ in EVERY])
def test_every_command_has_help_with_an_example(name: str, command: click.Command, harness: Call) -> None:
    code, out, err = harness(*name.split(), "--help")
    assert (code, err) == (0, "")
    assert command.help
    assert f"harness {name}" in out.partition("Examples:")[2]


@pytest.mark.parametrize(("name", "command"), EVERY, ids=[name for name, _ in EVERY])
def test_every_command_and_option_is_documented(name: str, command: click.Command) -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    first = name.split()[0]
    section = re.search(rf"^## harness {first}\b.*?(?=^## |\Z)", text, re.M | re.S)
    assert section, f"docs/commands.md has no section '## harness {first}'"
    for parameter in command.params:
        if isinstance(parameter, click.Option) and "--help" not in parameter.opts:
            assert parameter.opts[0] in section[0], f"{name} {parameter.opts[0]}"


def test_every_command_stands_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if f"harness {name}" not in text] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rum"], "unknown command 'rum': did you mean 'run'?"),
        (["run"], "Missing argument 'SUITE'"),
        (["run", "nowhere.yaml"], "no file 'nowhere.yaml'"),
        (["run", "suite.yaml", "--bacth", "1"], "No such option"),
        (["run", "suite.yaml", "--only", "batch"], "--only batch: expected AXIS=VALUE"),
        (["run", "suite.yaml", "--only", "bacth=1"], "did you mean 'batch'"),
        (["run", "suite.yaml", "--only", "batch=7"], "--only batch=7"),
        (["run", "suite.yaml", "--set", "axes.bacth=1"], "--set axes.bacth=1"),
        (["run", "suite.yaml", "--format", "xml"], "'xml' is not one of"),
        (["sweep", "nowhere.onnx"], "no file 'nowhere.onnx'"),
        (["sweep", DIGITS, "--batch", "x"], "axes.batch[0]"),
        (["sweep", DIGITS, "--batch", "²"], "axes.batch[0]"),
        (["sweep", DIGITS, "--shape", "N=²"], "--shape N=²: expected NAME=SIZE"),
        (["sweep", DIGITS, "--shape", "N"], "--shape N: expected NAME=SIZE"),
        (["sweep", DIGITS, "--save-suite", "no/such/suite.yaml"], "--save-suite"),
        (["sweep", DIGITS, "--runtime", "onnxruntime==1.22.1 --pre"], "axes.runtime[0]"),
        (["show"], "no runs yet"),
        (["show", "--results", "/proc/nowhere"], "no runs yet"),
        (["repro", "m"], "no runs yet"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    suite: Suite, harness: Call, tmp_path: Path, arguments: list[str], words: str
) -> None:
    suite(axes={"batch": [1, 2]}).rename(tmp_path / "suite.yaml")
    code, out, err = harness(*arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: [^\n]+\n", err)
    assert words in err
    assert not (tmp_path / "results").exists()


def test_several_mistakes_in_a_suite_are_told_together(suite: Suite, harness: Call) -> None:
    path = suite(axes={"batch": ["four"], "intra_thread": 1})
    code, _, err = harness("run", path)
    assert code == 2
    lines = err.splitlines()
    assert len(lines) == 2
    assert all(re.match(r"error: .*fake\.yaml:\d+: axes\.", line) for line in lines)


def test_a_record_is_all_there_is_on_standard_output(suite: Suite, harness: Call) -> None:
    noisy = {"fail": {"at": "session", "how": "stdout", "message": "a runtime that prints"}}
    code, out, err = harness("run", suite(noisy), "--format", "json")
    assert code == 0
    assert [record["status"] for record in json.loads(out)] == ["ok"]
    assert "results:" in err


def test_a_reader_that_stops_reading_is_no_error(suite: Suite, harness: Call, tmp_path: Path) -> None:
    harness("run", suite(axes={"batch": list(range(1, 9))}), "--set", "measure.accuracy=false")
    done = subprocess.run(
        f"{sys.executable} -m harness show --format json | head -c 10",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_a_sweep_saves_the_suite_that_it_stands_for(harness: Call, tmp_path: Path) -> None:
    arguments = ["--batch", "1,8", "--intra-threads", "1", "--data", "digits", "--seconds", "0.05"]
    code, out, _ = harness("sweep", DIGITS, *arguments, "--save-suite", "saved.yaml", "--format", "json")
    assert code == 0
    swept = [record["case"] for record in json.loads(out)]
    assert yaml.safe_load((tmp_path / "saved.yaml").read_text())["axes"]["batch"] == [1, 8]
    _, out, _ = harness("plan", "saved.yaml", "--format", "json")
    assert (
        [cell["case"] for cell in json.loads(out)]
        == swept
        == [
            "digits_cnn/intra_threads=1",
            "digits_cnn/intra_threads=1/batch=8",
        ]
    )


def test_an_interrupted_sweep_is_taken_up_by_the_same_command_with_resume(
    harness: Call, parts: dict[str, Any]
) -> None:
    command = ["sweep", DIGITS, "--batch", "1,8", "--seconds", "0.05", "--format", "json"]
    seen: list[str] = []

    class Interrupted(Bench):
        def measure(self, case: Case, run: str = "") -> Record:
            seen.append(case.key)
            if len(seen) == 2:
                raise KeyboardInterrupt
            return super().measure(case, run)

    parts["open_bench"] = Interrupted
    code, first, err = harness(*command)
    assert code == 130
    assert "1 of 2 cases are left" in err
    code, out, _ = harness(*command, "--resume")
    assert code == 0
    assert seen == ["digits_cnn", "digits_cnn/batch=8", "digits_cnn/batch=8"]
    assert [record["case"] for record in json.loads(out)] == ["digits_cnn", "digits_cnn/batch=8"]
    assert json.loads(out)[0] == json.loads(first)[0]


def test_a_saved_suite_is_the_one_that_ran_whatever_was_set(harness: Call, tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    (tmp_path / "own.onnx").symlink_to(DIGITS)
    asked = ["--batch", "1,8", "--set", "axes.batch=3", "--set", "sampling.calls=7", "--set", "name=mine"]
    asked += ["--save-suite", "suites/saved.yaml", "--format", "json"]
    code, out, _ = harness("sweep", "own.onnx", *asked)
    assert code == 0
    assert yaml.safe_load((tmp_path / "suites" / "saved.yaml").read_text()) == {
        "models": {"own": {"source": {"onnx": "../own.onnx"}}},
        "axes": {"batch": [3]},
        "sampling": {"calls": 7},
        "name": "mine",
    }
    _, planned, _ = harness("plan", "suites/saved.yaml", "--format", "json")
    swept = [record["case"] for record in json.loads(out)]
    assert [cell["case"] for cell in json.loads(planned)] == swept == ["own/batch=3"]


def test_the_script_that_repeats_a_case_runs_as_it_is(harness: Call, tmp_path: Path) -> None:
    harness("sweep", DIGITS, "--intra-threads", "1", "--seconds", "0.05")
    code, script, _ = harness("repro", "digits_cnn/intra_threads=1")
    assert code == 0
    (tmp_path / "repro.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "-W", "error", "repro.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "calls of digits_cnn/intra_threads=1" in done.stdout
    assert re.search(r"p50 \d+\.\d+ ms \(when measured: \d+\.\d+ ms", done.stdout)


def test_a_script_for_a_case_that_never_ran_says_why(suite: Suite, harness: Call) -> None:
    harness("run", suite({"fail": {"at": "session", "how": "raise", "message": "no luck"}}))
    code, out, err = harness("repro", "m")
    assert (code, out) == (2, "")
    assert "no luck" in err


def test_an_error_moves_no_cursor(suite: Suite, harness: Call) -> None:
    harness("run", suite({"fail": {"at": "session", "how": "raise", "message": "no \x1b[2Jluck"}}))
    code, _, err = harness("repro", "m")
    assert code == 2
    assert "no \\x1b[2Jluck" in err and "\x1b" not in err


def test_models_lists_what_was_built_and_notices_damage(harness: Call, tmp_path: Path) -> None:
    harness("sweep", DIGITS, "--seconds", "0.05", "--set", "measure.accuracy=false")
    _, out, _ = harness("models", "--format", "json")
    (row,) = json.loads(out)
    assert (row["opset"], row["precision"], row["state"]) == (17, "fp32", "intact")
    (model,) = Path(row["folder"]).glob("*.onnx")
    model.chmod(0o600)
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    _, out, _ = harness("models", "--format", "json")
    assert json.loads(out)[0]["state"] != "intact"
