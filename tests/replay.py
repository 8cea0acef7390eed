"""Jobs of an A/B that were run before, for a bench that gives their blocks once more."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from make import make_record

from harness.ab.job import run_ab
from harness.ab.model import ABResult, ABSettings, BlockReading, Pair, Pairing
from harness.core.case import Artifact, Case, Load, Model, Session, Source, freeze
from harness.core.record import Observation, Record
from harness.core.suite import Suite
from harness.judge.outputs import Outputs
from harness.measure import Block, BlockOrder

FILE = Path(__file__).parent / "data" / "ab-jobs.json.gz"
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
        return make_record(case=case, run=run)

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
