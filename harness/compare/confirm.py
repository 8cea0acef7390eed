"""Measure suspects again by an A/B: run what two stored runs measured again, in turn, on the same cores.

What can be varied is what the two records differ in and what is still there:
the runtime (installed again beside the other) and the model file (in the
cache). What the A/B then ran is compared with both records: names may have come
to mean other bytes since.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from harness import install
from harness.ab.job import run_ab
from harness.ab.model import CAP_ASKED_S, ABResult, ABSettings, Pair, Pairing, describe_lost
from harness.build.cache import read as read_entry
from harness.compare import explained
from harness.compare.confirmed import Untried
from harness.core.case import Artifact, Case, Session, Source, freeze
from harness.core.decision import Blame, Decision, Unconfirmed
from harness.core.errors import CaseError, InputError
from harness.core.listener import Listener
from harness.core.record import Record
from harness.core.requirement import Requirement
from harness.core.suite import Plan, Suite
from harness.core.vocabulary import ROLLING
from harness.explain.job import times
from harness.explain.model import Explanations, TimeExplanation
from harness.install import Installed
from harness.store.ledger import read_lines


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The decisions of an A/B on suspects, and why others have none."""

    decisions: Mapping[tuple[str, str], Decision]  # (case, metric)
    left: Mapping[str, Untried]  # by case: why it was not tried
    result: ABResult | None = None  # None: there was nothing to try
    blames: tuple[Blame, ...] = ()  # what slowdowns that were shown are due to
    unexplained: Mapping[str, str] = field(default_factory=dict)  # case with such a slowdown -> why
    interrupted: bool = False  # while they were explained


@dataclass(frozen=True, slots=True)
class Means:
    """What confirming takes of the world: an A/B, runtimes, and which version is installed here."""

    run_ab: Callable[..., ABResult] = run_ab
    ensure: Callable[[Requirement, Path], Installed] = install.ensure
    version: Callable[[str], str] = metadata.version
    explain: Callable[..., Explanations[TimeExplanation]] = times


def confirm(
    plan: Plan,
    pairs: Sequence[tuple[Record, Record]],
    results_dir: Path,
    cache_dir: Path,
    *,
    settings: ABSettings | None = None,
    budget_s: float = 600.0,
    listener: Listener | None = None,
    means: Means = Means(),
) -> Confirmation:
    """Run an A/B of each pair of records (BASE, HEAD) of one case, those first in the list first.

    `plan` holds HEAD's cases; `budget_s` is for all of them, the control
    included. Raises InputError, StoreError.
    """
    settings = settings or ABSettings(seed=secrets.randbelow(2**32))
    cases = {case.key: case for case in plan.cases}
    found: list[Pair] = []
    tried: list[tuple[Record, Record]] = []
    left: dict[str, Untried] = {}
    most = int(budget_s / settings.budget_s) - 1  # the control costs as much as a case
    for base, head in pairs:
        try:
            if len(found) >= most:
                text = f"the {budget_s:g} s for A/Bs do not pay for this case too"
                raise _Left(Unconfirmed.BUDGET, text)
            case = _head_case(cases, head, means)
            found.append(Pair(head.case, _base_case(case, base, head, cache_dir, means), case))
            tried.append((base, head))
        except _Left as why:
            left[head.case] = Untried(why.why, str(why))
    if not found:
        return Confirmation({}, left)
    suite = replace(plan.suite, gates=())
    most_s = min(CAP_ASKED_S, budget_s / (len(found) + 1))
    if most_s > settings.budget_s:  # what the other suspects leave
        settings = replace(settings, most_s=most_s)
    base_run, head_run = ({"run": record.run} for record in pairs[0])
    pairing = Pairing(tuple(found))
    result = means.run_ab(
        pairing, suite, settings, results_dir, cache_dir, base=base_run, head=head_run, listener=listener
    )
    left |= {
        pair.name: Untried(Unconfirmed.ARM_LOST, describe_lost(result.failed[pair.name]))
        for pair in found
        if pair.name in result.failed
    }
    left |= _of_others(tried, result)
    decisions = {
        (item.case, item.metric): item.decision for item in result.comparisons if item.case not in left
    }
    confirmed = Confirmation(decisions, left, result)
    if not result.trusted or result.interrupted:
        return confirmed
    due = explained.slower(found, decisions)
    return _explain(confirmed, due, suite, results_dir, cache_dir, budget_s - result.seconds, listener, means)


def _explain(
    confirmed: Confirmation,
    pairs: Sequence[Pair],
    suite: Suite,
    results_dir: Path,
    cache_dir: Path,
    left_s: float,
    listener: Listener | None,
    means: Means,
) -> Confirmation:
    """Find the regions that slowdowns are due to, in the time that is left. Raises StoreError."""
    most = max(0, int(left_s / explained.CASE_S))
    without = {pair.name: explained.NO_TIME for pair in pairs[most:]}
    if not pairs[:most]:
        return replace(confirmed, unexplained=without)
    found = means.explain(Pairing(tuple(pairs[:most])), suite, results_dir, cache_dir, listener=listener)
    blames, missing = explained.blames(found)
    return replace(
        confirmed, blames=blames, unexplained={**missing, **without}, interrupted=found.interrupted
    )


class _Left(Exception):
    """A suspect that cannot be tried."""

    def __init__(self, why: Unconfirmed, text: str) -> None:
        super().__init__(text)
        self.why = why


def _base_case(case: Case, base: Record, head: Record, cache_dir: Path, means: Means) -> Case:
    """Make the case that BASE measured, out of HEAD's. Raises _Left."""
    made = replace(
        case,
        artifact=_artifact(case.artifact, base, head),
        session=_session(case.session, base, head, cache_dir, means),
    )
    if made == case:
        text = "the same runtime and model file in both runs: an A/B has nothing to vary"
        raise _Left(Unconfirmed.NOTHING_DIFFERS, text)
    return made


def _head_case(cases: Mapping[str, Case], head: Record, means: Means) -> Case:
    """Find the case that HEAD measured; a runtime that moves is the version that it was. Raises _Left."""
    if head.case not in cases:
        raise _Left(Unconfirmed.GONE, "the suite does not have this case any more")
    case = cases[head.case]
    name = case.session.runtime
    if name not in ROLLING and not (name == "current" and _is_replaced(head, means)):
        return case
    return replace(case, session=replace(case.session, runtime=_runtime(head), alias=name))


def _is_replaced(record: Record, means: Means) -> bool:
    """Return whether the runtime that was installed here when `record` was made is another version now."""
    if record.runtime.distribution not in install.DISTRIBUTIONS:
        return False
    try:
        return means.version(record.runtime.distribution) != record.runtime.version
    except metadata.PackageNotFoundError:
        return True


def _session(session: Session, base: Record, head: Record, cache_dir: Path, means: Means) -> Session:
    if _same_runtime(base, head):
        return session
    ours = _runtime(base)
    if ours == _runtime(head):
        raise _Left(Unconfirmed.GONE, _gone("runtime", base))  # rebuilt: its name stands for HEAD's now
    try:
        found = means.ensure(install.parse(ours), cache_dir)
    except (InputError, CaseError) as error:
        text = f"the runtime of run {base.run} cannot be had: {error}"
        raise _Left(Unconfirmed.GONE, text) from None
    measured = base.runtime.sha256
    if measured and found.sha256 not in (None, measured):
        raise _Left(Unconfirmed.GONE, _gone("runtime", base))
    return replace(session, runtime=ours)


def _runtime(record: Record) -> str:
    """Give the requirement that installs what `record` ran under."""
    runtime = record.runtime
    return runtime.requirement or f"{runtime.distribution}=={runtime.version}"


def _same_runtime(one: Record, other: Record) -> bool:
    """Return whether both ran under the same runtime, by all that is known of both: version, wheel, build."""
    return all(
        ours == theirs
        for ours, theirs in zip(_identity(one), _identity(other), strict=True)
        if ours and theirs
    )


def _identity(record: Record) -> tuple[str, ...]:
    runtime = record.runtime
    return runtime.distribution, runtime.version, runtime.build, runtime.sha256


def _of_others(tried: Sequence[tuple[Record, Record]], result: ABResult) -> dict[str, Untried]:
    """Name the cases of which the A/B ran something else than what was measured, and say what."""
    if not result.comparisons:
        return {}
    ran = [Record.from_json(line["record"]) for line in read_lines(Path(result.file)) if "record" in line]
    found = {}
    for (base, head), seen_base, seen_head in zip(tried, ran[::2], ran[1::2], strict=False):
        if seen_head.model_sha256 not in (None, head.model_sha256):
            found[head.case] = Untried(Unconfirmed.GONE, _gone("model file", head))
        for stored, seen in ((head, seen_head), (base, seen_base)):
            if not _same_runtime(stored, seen):
                found[head.case] = Untried(Unconfirmed.GONE, _gone("runtime", stored))
    return found


def _gone(what: str, record: Record) -> str:
    return f"the {what} of run {record.run} is no longer there"


def _artifact(artifact: Artifact, base: Record, head: Record) -> Artifact:
    """Take BASE's model file from the cache instead of what would be built now."""
    if base.model_sha256 == head.model_sha256:
        return artifact
    path = Path(str(base.artifact.get("path", "")))
    try:
        same = path.is_file() and read_entry(path.parent).sha256 == base.model_sha256
    except (OSError, ValueError, KeyError, TypeError):
        same = False
    if not same:
        raise _Left(Unconfirmed.GONE, f"the model file of run {base.run} is no longer in the cache")
    model = replace(artifact.model, source=_source(path, base.artifact))
    return Artifact(model)


def _source(path: Path, built: Mapping[str, Any]) -> Source:
    if built.get("engine") != "fake":
        return Source("onnx", freeze({"path": str(path)}))
    inputs = {item["name"]: {"dtype": item["dtype"], "shape": item["shape"]} for item in built["inputs"]}
    mapping = {**json.loads(path.read_text()), "inputs": inputs, "output_names": list(built["outputs"])}
    return Source("fake", freeze(mapping))
