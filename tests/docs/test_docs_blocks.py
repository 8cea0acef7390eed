"""Every block that is marked as runnable runs: commands with short samples, YAML as a suite."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from harness.cli import main
from harness.plan import plan_document

COMMANDS = Path(__file__).parents[2] / "docs" / "commands.md"

FAKE = {"fake": {"call_ns": [1_000_000, 1_200_000], "session_ns": 5_000_000}}
TOKENS = {"fake": {**FAKE["fake"], "inputs": {"ids": {"dtype": "int64", "shape": ["batch", "sequence"]}}}}
pytestmark = pytest.mark.xdist_group("blocks")  # of one desk
QUICK = {
    "sampling": {"warmup_calls": 1, "warmup_seconds": 0, "calls": 20},
    "measure": {"accuracy": False},  # no worker for the FP32 reference
}
SUITES: dict[str, dict[str, Any]] = {
    "quickstart": {
        "models": {"digits_cnn": {"source": FAKE}},
        "axes": {"precision": ["fp32", "int8_static"], "intra_threads": 1, "batch": [1, 32]},
    },
    "nightly": {
        "models": {"digits_cnn": {"source": FAKE}, "encoder": {"source": TOKENS, "shapes": {"sequence": 8}}},
        "axes": {"precision": ["fp32", "int8_static"]},
    },
}
"""Suites of the repository's names, cut down to a few cases that take no time."""


@pytest.fixture(scope="module")
def place(desk: Callable[[str], Any]) -> Any:
    """A desk with suites of fake models, two runs of one, a model file and its data."""
    made = desk("docs")
    for name, document in SUITES.items():
        made.put(f"suites/{name}.yaml", yaml.safe_dump({**document, **QUICK}))
    run, pin = "harness run suites/quickstart.yaml", "harness anchor set latest --suite quickstart"
    made.run(f"{run} && {pin} && {run}")
    shutil.copy(made.folder / "suites/models/digits_cnn.onnx", made.folder / "model.onnx")
    random = np.random.default_rng(0)
    images = random.standard_normal((40, 1, 8, 8)).astype(np.float32)
    np.savez(made.folder / "samples.npz", x=images, y=random.integers(0, 10, 40))
    return made


SHORT = (
    *("--set", "sampling.seconds=0.02"),
    *("--set", "sampling.warmup_seconds=0"),
    *("--set", "sampling.processes=1"),
)
"""What cuts the samples of a command that measures short, as the desk's `harness` does."""


def commands(block: Any) -> list[list[str]]:
    """The arguments of each command of a block that calls `harness` alone; [] where a shell is needed."""
    if block.language not in ("sh", "console"):
        return []
    found = []
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
        words.whitespace_split = True
        called, *arguments = words
        if Path(called).name != "harness" or any(set(word) <= set("();<>|&") for word in arguments):
            return []
        found.append([*arguments, *(SHORT if arguments[0] in ("run", "sweep") else ())])
    return found


def test_a_runnable_block_runs(
    runnable: Any, place: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if runnable.language == "yaml":
        document = {"models": {"m": {"source": {"zoo": "vgg19"}}}, **yaml.safe_load(runnable.text)}
        assert plan_document(document, place.folder / "suites", "example").cases
    elif called := commands(runnable):  # in this process, which has imported all that they need
        monkeypatch.chdir(place.folder)
        monkeypatch.setenv("HARNESS_CACHE", str(place.folder / "cache"))
        for arguments in called:
            assert main(arguments) == 0, (arguments, capsys.readouterr())
    else:
        place.run(runnable.text, runnable.language)


def test_a_block_that_needs_a_shell_is_given_one(blocks: Callable[[Path], list[Any]]) -> None:
    found = [block for block in blocks(COMMANDS) if block.runnable and block.language == "sh"]
    assert {bool(commands(block)) for block in found} == {True, False}
    assert all((">" in block.text or "|" in block.text) != bool(commands(block)) for block in found)


def test_every_page_that_shows_commands_has_blocks_that_run(blocks: Callable[[Path], list[Any]]) -> None:
    root = Path(__file__).parents[2]
    for name in ("README.md", "docs/commands.md", "docs/suites.md", "docs/schema.md", "docs/runtimes.md"):
        assert any(block.runnable for block in blocks(root / name)), name
