"""What several rooms' tests need: suites of the fake engine, and the command line in this process."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from _pytest.nodeid import NodeId
from make import make_case, make_facts, make_observation, make_record

from harness.cli import main
from harness.core.case import Case
from harness.core.record import Observation, Record
from harness.judge import Facts

FAKE: dict[str, Any] = {
    "session_ns": 2_000_000,
    "first_call_ns": 7_000,
    "warmup_ns": [9_000],
    "call_ns": [1_000, 1_200, 1_100],
    "memory": {
        "before_runtime": 10_000_000,
        "after_import": 20_000_000,
        "session_peak": 36_000_000,
        "after_session": 35_000_000,
        "after_first_call": 40_000_000,
        "peak": 50_000_000,
        "arena_peak": 5_000_000,
    },
    "outputs": {"y": [[0.1, 0.9], [0.8, 0.2]]},
    "classes": {"y": -1},
    "operators": {"FusedConv": 2},
}
"""A model of the fake engine that answers everything."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let pytest-xdist keep a group in one process: 3.8 writes the name where pytest 9.2 does not read it."""
    if getattr(config.option, "loadgroup", False):
        for item in items:
            mark = item.get_closest_marker("xdist_group")
            if mark and "@" not in item.nodeid.rpartition("]")[2]:
                item._id = NodeId.parse(f"{item.nodeid}@{mark.args[0]}")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c() -> None:
    """Let what tests start hear Ctrl-C, though the tests themselves run in the background of a script."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def cores_to_itself(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Lock cores in a folder of this session's own: what others measure here does not hold tests up."""
    folder = tmp_path_factory.mktemp("tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", str(folder))
        yield


@pytest.fixture(scope="session")
def runtimes_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for released runtimes: set HARNESS_TEST_RUNTIMES to a folder to keep them, which are large."""
    kept = os.environ.get("HARNESS_TEST_RUNTIMES")
    return Path(kept) if kept else tmp_path_factory.mktemp("runtimes")


@pytest.fixture
def suite(tmp_path: Path) -> Callable[..., Path]:
    """Write a suite of one fake model, `m`, changed as the keywords say; return its path.

    It asks for no accuracy, which costs a second worker a case: the one of the FP32 reference.
    """

    def write(model: dict[str, Any] | None = None, **keys: Any) -> Path:
        document = {
            "models": {"m": {"source": {"fake": {**FAKE, **(model or {})}}}},
            "sampling": {"warmup_calls": 2, "warmup_seconds": 0, "calls": 300, "timeout": 20},
            "measure": {"accuracy": False},
            **keys,
        }
        path = tmp_path / "fake.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    return write


@pytest.fixture
def parts() -> dict[str, Any]:
    """What the command line of `harness` calls in place of its own parts, by name; a test fills it."""
    return {}


@pytest.fixture
def harness(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    parts: dict[str, Any],
) -> Callable[..., tuple[int, str, str]]:
    """Run a command line in a folder of its own; return exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments], parts)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def records(harness: Callable[..., tuple[int, str, str]]) -> Callable[..., list[dict[str, Any]]]:
    """Run a command that prints JSON; return what it printed."""

    def call(*arguments: object) -> list[dict[str, Any]]:
        _, out, _ = harness(*arguments, "--format", "json")
        found: list[dict[str, Any]] = json.loads(out)
        return found

    return call


@pytest.fixture
def case() -> Callable[..., Case]:
    return make_case


@pytest.fixture
def observation() -> Callable[..., Observation]:
    return make_observation


@pytest.fixture
def facts() -> Callable[..., Facts]:
    return make_facts


@pytest.fixture
def record() -> Callable[..., Record]:
    return make_record
