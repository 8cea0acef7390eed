"""The main loop: plan -> build -> measure -> judge -> store.

A case ends as one record, whatever happens to it. The record is on disk
before the next case begins, so that a run can be stopped at any moment and
taken up again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness import build, install, measure, store
from harness.build.scratch import scratch
from harness.core.case import Case, thaw
from harness.core.errors import InputError
from harness.core.hashing import hash_file
from harness.core.listener import Listener
from harness.core.requirement import Requirement
from harness.core.suite import Plan
from harness.core.vocabulary import ROLLING
from harness.run.bench import OpenBench, open_bench
from harness.run.inputs import check_inputs


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What a run left behind."""

    run: str
    folder: Path
    left: int  # cases not measured: the run was interrupted, and can be resumed
    measured: int = 0  # cases measured now, not in an earlier part


def run(
    plan: Plan,
    results_dir: Path,
    cache_dir: Path,
    *,
    resume: bool = False,
    listener: Listener | None = None,
    machine: dict[str, Any] | None = None,
    opening: OpenBench = open_bench,
) -> RunOutcome:
    """Measure every case of `plan` and seal the run; with `resume`, those that an unfinished run lacks.

    Ctrl-C ends the loop, not the run: what was measured is kept, unsealed; where
    nothing was, no folder is left. `machine` is the environment, read here unless given.
    Raises InputError where data is wrong, a model asks for more or there is nothing to resume,
    StoreError where results cannot be kept.
    """
    check_inputs(plan.cases)
    plan, listener = resolve_rolling_runtimes(plan), listener or Listener()
    machine = environment(plan) if machine is None else machine
    with scratch() as work:
        bench = opening(plan.suite, cache_dir, work, machine)
        with _open(plan, results_dir, machine, resume) as journal:
            known = {record.case for record in journal.records()}
            todo = [case for case in plan.cases if case.key not in known]
            measured = 0
            try:
                for skip in plan.skips:
                    if skip.case.key not in known:
                        journal.append(bench.skipped(skip, journal.run))
                listener.start_run(len(plan.cases), len(plan.cases) - len(todo))
                try:
                    for case in todo:
                        listener.start_case(case.key)
                        record = bench.measure(case, journal.run)
                        journal.append(record)
                        measured += 1
                        listener.end_case(record)
                finally:
                    listener.end_run()
            except KeyboardInterrupt:
                if len(todo) == measured:
                    raise  # nothing that is left would say so
            else:
                journal.seal()
            return RunOutcome(journal.run, journal.folder, len(todo) - measured, measured)


Newest = Callable[[str], Requirement]
"""Finds the newest release behind a rolling name."""


def resolve_rolling_runtimes(plan: Plan, newest: Newest = install.newest) -> Plan:
    """Let ``latest`` and ``nightly`` mean the versions that they are now; keys keep their names.

    Raises InputError where there is none, CaseError where the package index cannot be asked.
    """
    asked = {case.session.runtime for case in plan.cases}
    found = {name: str(newest(name)) for name in ROLLING if name in asked}

    def resolved(case: Case) -> Case:
        name = case.session.runtime
        if name not in found:
            return case
        return replace(case, session=replace(case.session, runtime=found[name], alias=name))

    return replace(plan, cases=tuple(map(resolved, plan.cases))) if found else plan


def _open(plan: Plan, results_dir: Path, machine: dict[str, Any], resume: bool) -> store.Journal:
    if not resume:
        return store.new_run(results_dir, header(plan, machine))
    wanted = header(plan, machine)
    journal = store.resume(results_dir, wanted)
    if journal is None:
        raise InputError(f"--resume: {_nothing_to_resume(results_dir, wanted)}; begin a run without it")
    return journal


def _nothing_to_resume(results_dir: Path, wanted: store.Header) -> str:
    """Return why no run can go on: there is none, or the newest of this plan was measured otherwise."""
    for item in reversed(store.runs(results_dir, wanted.suite)):
        unlike = item.header.unlike(wanted)
        if unlike and "plan" not in unlike and not item.sealed and not item.live:
            return f"run {item.run} was measured with another {' and another '.join(unlike)}"
    return f"{results_dir} has no unfinished run of this plan, models and data"


def environment(plan: Plan) -> dict[str, Any]:
    """Describe this machine, and the commit of the repository that the suite belongs to."""
    folder = Path(plan.suite.path).parent if plan.suite.path else Path.cwd()
    return {**measure.describe_machine(), "git": measure.git_commit(folder)}


def header(plan: Plan, machine: dict[str, Any]) -> store.Header:
    """Write what is known of a run of `plan` before it begins; `machine` is its environment."""
    return store.Header(
        suite=plan.suite.name,
        suite_path=plan.suite.path,
        description=plan.suite.description,
        suite_text=plan.suite.text,
        baseline=dict(plan.suite.baseline),
        gates=tuple(asdict(gate) for gate in plan.suite.gates),
        plan_hash=_plan_hash(plan),
        cases=len(plan.cases) + len(plan.skips),
        command=tuple(sys.argv),
        harness=version("onnx-harness"),
        commit=machine["git"].get("commit", ""),
        machine=str(machine["machine"]),
        environment=machine,
    )


def _plan_hash(plan: Plan) -> str:
    """Identify what is measured: the cases in full, the bytes of models, data and wheels, and how."""
    artifacts = dict.fromkeys(case.artifact for case in plan.cases)
    wheels = dict.fromkeys(case.session.runtime for case in plan.cases)
    libraries = dict.fromkeys(path for case in plan.cases[:1] for path in thaw(case.session.custom_ops))
    what = [
        *map(repr, plan.cases),
        *build.identify(artifacts),
        *(build.identify_data(model.data) for model in plan.suite.models if model.data),
        *(hash_file(Path(name)) for name in (*wheels, *libraries) if Path(name).is_file()),
    ]
    return store.plan_hash(what, {**asdict(plan.suite.sampling), **plan.suite.measure.to_json()})
