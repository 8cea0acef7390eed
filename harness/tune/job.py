"""The loop of a search over the models of a plan: every fact is on disk before it is used.

A search that was stopped goes on with what its file has.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic
from typing import Any

from harness.build.scratch import scratch
from harness.core.case import Case
from harness.core.errors import InputError
from harness.core.listener import Listener
from harness.core.metrics import Evidence, spec_of
from harness.core.suite import Plan
from harness.core.tools import brings_rows
from harness.run.bench import OpenBench, open_bench
from harness.run.job import environment, header, resolve_rolling_runtimes
from harness.store.lines import decode_line, whole_lines
from harness.store.trace import Trace
from harness.tune.model import Answer, TuneResult, TuneSettings
from harness.tune.probe import Instruments, Workers
from harness.tune.search import ModelSearch


def tune(
    plan: Plan,
    settings: TuneSettings,
    results_dir: Path,
    cache_dir: Path,
    *,
    resume: bool = False,
    listener: Listener | None = None,
    machine: dict[str, Any] | None = None,
    opening: OpenBench = open_bench,
    instruments: Instruments | None = None,
    clock: Callable[[], float] = monotonic,
) -> TuneResult:
    """Search the cells of `plan`, each model's by itself, and answer for every model.

    Ctrl-C ends the measuring: the best so far is the answer, marked interrupted.
    Facts are in ``<results>/tune/<id>.jsonl``. Raises InputError where limits need
    what is not measured, or there is nothing to resume; StoreError where results
    cannot be kept.
    """
    plan = resolve_rolling_runtimes(plan)
    check_measurable(plan, settings)
    machine = environment(plan) if machine is None else machine
    identity = _identity(header(plan, machine).plan_hash, settings)
    folder = results_dir / "tune"
    old = deque(_facts_to_resume(folder, identity)) if resume else deque()
    with scratch() as work, Trace(folder) as trace:
        trace.append({"job": trace.id, "identity": identity, **asdict(settings), "environment": machine})
        tools = instruments or Workers(
            plan.suite, settings.limits, settings.objective.metric, cache_dir, work, machine, opening
        )
        answers: list[Answer] = []
        interrupted = False
        for name, cases in _by_model(plan.cases).items():
            search = ModelSearch(
                name, cases, plan, settings, tools, trace, listener or Listener(), old, clock
            )
            try:
                search.run()
            except KeyboardInterrupt:
                interrupted = True
            answers.append(search.answer())
            if interrupted:
                break
        unit = spec_of(settings.objective.metric).unit
        result = TuneResult(
            job=trace.id,
            settings=settings,
            unit=unit,
            answers=tuple(answers),
            interrupted=interrupted,
            file=str(trace.path),
        )
        trace.append({"answer": result.to_json(), "ended": not interrupted})
        return result


def check_measurable(plan: Plan, settings: TuneSettings) -> None:
    """Refuse what could never be answered. Raises InputError."""
    if not plan.cases:
        raise InputError("no cell of the suite is left to search")
    for limit in settings.limits:
        row, family = spec_of(limit.metric), limit.metric.partition("/")[0]
        if family in ("memory", "accuracy") and not plan.suite.measure.wants(family):
            raise InputError(
                f"--slo {limit.text!r}: the suite leaves {family} out; add --set measure.{family}=true"
            )
        unlabelled = [
            model.name
            for model in plan.suite.models
            if model.data is None and not brings_rows(model.source.kind)
        ]
        if (row.evidence is Evidence.ANSWERS or row.delta) and unlabelled:
            raise InputError(
                f"--slo {limit.text!r}: {unlabelled[0]} has no labelled data; add --data, or models.NAME.data"
            )
    family = settings.objective.metric.partition("/")[0]
    if family == "memory" and not plan.suite.measure.wants("memory"):
        raise InputError(
            f"{settings.objective.text}: the suite leaves memory out; add --set measure.memory=true"
        )


def _identity(plan_hash: str, settings: TuneSettings) -> str:
    text = json.dumps([plan_hash, asdict(replace(settings, budget_s=None))], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _facts_to_resume(folder: Path, identity: str) -> list[dict[str, Any]]:
    """Read the newest unfinished search of the same question. Raises InputError."""
    for path in sorted(folder.glob("*.jsonl"), reverse=True):
        lines = [decode_line(line) for line in whole_lines(path.read_bytes()).splitlines()]
        if lines and lines[0].get("identity") == identity:
            if lines[-1].get("ended"):
                break
            return [line for line in lines if "step" in line]
    raise InputError(
        f"--resume: {folder} has no unfinished search of this plan, limits and seed; begin without it"
    )


def _by_model(cases: Sequence[Case]) -> dict[str, list[Case]]:
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(case.artifact.model.name, []).append(case)
    return found
