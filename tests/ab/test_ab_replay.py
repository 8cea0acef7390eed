"""Blocks of jobs that were run before, once more: the same stops, the same rows.

`tests/data/ab-jobs.json.gz` holds 96 jobs and what the code at commit ad23965
made of them: 48 that were measured (no change, 1, 2 and 5%; one case and
several), and 48 with made-up blocks for what a busy machine did not show
(confirmations, second looks, slow starts, arms lost, an interrupt). Kept of a
block are its readings and what it cost, so that all that follows from them is
computed again: how long the next block may be, when a stage ends, the control,
and every row.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from replay import JOBS, replay

from harness.ab.model import ABResult


def rows(listed: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["case"], row["metric"]): row for row in listed}


def stages(found: ABResult) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in Path(found.file).read_text().splitlines()]
    return [(line["case"], line["stage"]) for line in lines if "stage" in line]


@pytest.mark.parametrize("job", JOBS, ids=[job["job"] for job in JOBS])
def test_the_blocks_of_a_job_end_in_the_same_rows(job: dict[str, Any], tmp_path: Path) -> None:
    found = replay(job, tmp_path)
    made = rows([row.to_json() for row in found.comparisons])
    told = rows(job["rows"])
    assert {key: {name: row[name] for name in told.get(key, row)} for key, row in made.items()} == told
    assert found.control is not None
    control = json.loads(json.dumps(found.control.to_json()))
    for decision in control["decisions"].values():
        for name in ("source", "detail", "asked", "needed_s", "needed_calls", "comparable"):  # it had none
            decision.pop(name, None)
    assert control == job["control"]
    assert found.to_json()["failed"] == job["failed"]
    assert found.trusted is job["trusted"]
    assert stages(found) == [(job["cases"][block["case"]], block["stage"]) for block in job["blocks"]]


def test_the_jobs_are_of_every_kind_and_end_in_every_verdict() -> None:
    measured = [job for job in JOBS if job["kind"] == "measured"]
    assert len(measured) >= 40
    assert {len(job["cases"]) == 1 for job in measured} == {True, False}
    verdicts = Counter(row["verdict"] for job in JOBS for row in job["rows"])
    assert verdicts.keys() == {"regression", "improvement", "equivalent", "inconclusive"}
    blocks = Counter(block["stage"] for job in JOBS for block in job["blocks"])
    assert min(blocks[stage] for stage in ("blocks", "screening", "confirmation", "control")) > 100
    reasons = " ".join(row["reason"] for job in JOBS for row in job["rows"])
    for told in ("spared", "given up", "crashed", "interrupted", "would do", "are needed"):
        assert told in reasons


@pytest.mark.parametrize("change", ["ratio", "error", "wall_s"])
def test_a_block_that_was_another_is_noticed(change: str, tmp_path: Path) -> None:
    job = copy.deepcopy(next(job for job in JOBS if job["job"] == "110"))
    block = next(block for block in job["blocks"] if block["stage"] == "blocks")
    if change == "wall_s":
        block["wall_s"] += 5.0
    else:
        block["readings"]["latency/p50"][{"ratio": 0, "error": 3}[change]] += 0.03
    with pytest.raises(AssertionError):
        test_the_blocks_of_a_job_end_in_the_same_rows(job, tmp_path)
