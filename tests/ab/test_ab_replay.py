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
import gzip
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.ab.job import run_ab
from harness.ab.model import ABResult, ABSettings, BlockReading, Pair, Pairing
from harness.core.case import Artifact, Case, Load, Model, Session, Source, freeze
from harness.core.record import Observation, Record, Status
from harness.core.suite import Suite
from harness.judge.outputs import Outputs
from harness.measure import Block, BlockOrder

FILE = Path(__file__).parents[1] / "data" / "ab-jobs.json.gz"
JOBS: list[dict[str, Any]] = json.loads(gzip.decompress(FILE.read_bytes()))["jobs"]
ARMS = ("base", "head")


class Replay:
    """A bench whose blocks are those of a job that was run before, in the same order."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.left = list(job["blocks"])
        self.outputs: dict[Case, Outputs] = {}
        self.block: dict[str, Any] = {}

    def measure(self, case: Case, run: str = "") -> Record:
        """Both arms run, and nothing more."""
        self.outputs[case] = Outputs(reason="not recorded")
        return Record(run=run, suite="s", case=case.key, axes=case.axes, status=Status.OK)

    def request(self, case: Case, sampling: object) -> Any:
        """Stand in for what starts a worker."""
        return SimpleNamespace(case=case.artifact.model.name, arm=case.session.graph_opt)

    def run_block(self, pair: Any, draw: BlockOrder, span_s: float, limit_s: float) -> Block:
        """Give the next block, if it is the one that was run next."""
        if len(self.job["blocks"]) - len(self.left) + 1 == self.job["interrupted_at"]:
            raise KeyboardInterrupt
        assert self.left, "a block more than were run"
        self.block = self.left.pop(0)
        control = pair[0] is pair[1]
        assert (self.block["stage"] == "control") is control
        assert self.job["cases"][self.block["case"]] == pair[0].case
        assert ARMS[draw.starts] == self.block["starts"]
        if self.job["kind"] == "measured":
            assert draw.leads == self.block["leads"]
        late, lost = self.block.get("late", False), self.block.get("lost")
        error = Observation(passes=(), error=self.block.get("error"))
        none: tuple[Any, ...] = ()
        return Block(
            samples_ns=(none, none),
            preempted=(none, none),
            observations=(error if lost == "base" else None, error if lost == "head" else None),
            draw=draw,
            turns=(),
            slice_ns=0,
            start_s=self.block["start_s"],
            wall_s=self.block["wall_s"],
            lost=None if lost is None else ARMS.index(lost),
            late=late,
        )

    def read(self, *_: object) -> tuple[dict[str, BlockReading], dict[str, str]]:
        """Give the readings of the block that was run last."""
        readings = {metric: BlockReading(*numbers) for metric, numbers in self.block["readings"].items()}
        return readings, self.block.get("missing", {})


def replay(job: dict[str, Any], folder: Path) -> ABResult:
    """Run the job again."""
    bench = Replay(job)
    pairs = []
    for name in job["cases"]:
        model = Artifact(Model(name, Source("onnx", freeze({"path": "none"}))))
        base, head = (Case(model, Session(graph_opt=level), Load()) for level in ("basic", "all"))
        pairs.append(Pair(name, base, head))
    settings = ABSettings(**{**job["settings"], "metrics": tuple(job["settings"]["metrics"])})
    suite = Suite("s", "", tuple(pair.base.artifact.model for pair in pairs))
    found = run_ab(
        Pairing(tuple(pairs)),
        suite,
        settings,
        folder / "results",
        folder / "cache",
        open_bench=lambda *_: bench,
        read=bench.read,
    )
    assert not bench.left, "fewer blocks than were run"
    return found


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
        for name in ("source", "detail"):  # it had none
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
