"""A results folder that takes no files ends every command that writes: one line, exit code 2, at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from make import make_record, store_run

Call = Callable[..., tuple[int, str, str]]

COMMANDS = {
    "run": ["run", "SUITE"],
    "nightly": ["nightly", "SUITE"],
    "ab": ["ab", "SUITE", "--base", "graph_opt=disable", "--head", "graph_opt=all", "--budget", "1"],
    "tune": ["tune", "SUITE"],
    "profile": ["profile", "SUITE"],
    "explain": ["explain", "SUITE", "--base", "graph_opt=disable", "--head", "graph_opt=all"],
    "merge": ["merge", "from"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_measured_for_a_folder_that_takes_no_files(
    command: str, harness: Call, suite: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    store_run(tmp_path / "from", [make_record({"latency/p50": 1e-3})], datetime(2026, 11, 1, tzinfo=UTC))
    given = [str(suite()) if word == "SUITE" else word for word in COMMANDS[command]]
    code, out, err = harness(*given, "--results", "file/results")
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, out, len(errors)) == (2, "", 1), err
    assert "cannot write: Not a directory; name another folder" in errors[0]
