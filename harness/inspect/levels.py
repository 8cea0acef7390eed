"""Let the runtime optimize a model at each level, in a worker each, and read which nodes it fused."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from harness import measure
from harness.build.scratch import scratch
from harness.core.case import Case
from harness.core.errors import CaseError, Failed
from harness.core.record import Observation
from harness.inspect.model import LevelFusions
from harness.profile.fusions import fusions, left
from harness.profile.job import read_graph
from harness.profile.origin import places
from harness.run.bench import Bench, open_bench
from harness.run.model_file import plan_model_file

LEVELS = ("basic", "extended", "all")


def fusions_by_level(
    path: Path, cache_dir: Path, custom_ops: tuple[str, ...] = ()
) -> tuple[LevelFusions, ...]:
    """Return what each level of optimization fuses in the model at `path`, and what it leaves.

    A level that cannot be shown has the reason. Raises InputError where the model cannot be planned,
    StoreError.
    """
    plan, _ = plan_model_file(path, {}, custom_ops=custom_ops)
    (case,) = plan.cases
    with scratch() as work:
        bench = open_bench(plan.suite, cache_dir, work, measure.describe_machine())
        bench.hold = lambda cores: nullcontext()  # nothing is timed: no need to wait for what is
        return tuple(_level(bench, case, level, work / f"{level}.onnx") for level in LEVELS)


def _level(bench: Bench, case: Case, level: str, written: Path) -> LevelFusions:
    """Open one session at `level`, and read the graph that it wrote."""
    try:
        asked = bench.asked(case).session
        config = {**asked["config"], "optimized_model_filepath": str(written)}
        session = {**asked, "graph_opt": level, "config": config}
        return bench.probe(case, lambda seen, source: _read(level, seen, written, source), session=session)
    except CaseError as error:
        return LevelFusions(level, reason=str(error))


def _read(level: str, seen: Observation, written: Path, source: Path) -> LevelFusions:
    if "session" not in seen.passes:
        raise Failed(str((seen.error or {}).get("message", "the worker opened no session")))
    optimized, before = read_graph(written) if written.exists() else None, read_graph(source)
    written.unlink(missing_ok=True)
    if optimized is None or before is None:
        raise Failed("the optimized graph was not written")
    fused: Counter[str] = Counter()
    for item in fusions(optimized, places(optimized, before)):
        fused[f"{'+'.join(item.source)} → {item.op}"] += len(item.nodes)
    return LevelFusions(
        level,
        nodes=len(optimized.nodes),
        fused=dict(fused),
        left=dict(Counter(item.pattern for item in left(optimized))),
    )
