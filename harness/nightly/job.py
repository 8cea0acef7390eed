"""The loop of a night: run, compare, confirm, gate, publish, write everything into one folder.

Started again after an interruption, it goes on where it was: an unfinished run
is resumed, and a finished one that was not reported yet is not measured a
second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from time import monotonic

from harness import show, store
from harness.compare.confirm import Confirmation
from harness.compare.confirm import confirm as confirm_by_ab
from harness.compare.job import compare_runs, confirm_suspects, find_pair
from harness.core.decision import (
    Change,
    Decision,
    DecisionSource,
    MetricComparison,
    RunComparison,
    Unconfirmed,
)
from harness.core.errors import HarnessError, InputError
from harness.core.listener import Listener
from harness.core.report import Report
from harness.core.suite import Gate, Plan
from harness.history.job import history
from harness.judge.gates import beside_comparisons, with_evidence
from harness.nightly.model import AGAINST, Confidence, NightlyFinding, NightlyReport
from harness.nightly.since import since
from harness.nightly.view import NightlyDocument
from harness.report.job import write_report
from harness.run.job import RunOutcome, environment, header, resolve_rolling_runtimes, run
from harness.run.review import review
from harness.store.files import write_whole, writing
from harness.store.header import JOURNAL

SAME_NIGHT = timedelta(hours=20)
"""How old a run may be that is taken up again: yesterday's is another night's."""

UNREPORTED = "unreported"
"""A file in the folder of a run whose night is not over: wherever the runs are kept, it is kept with them."""

SUMMARY = "summary.md"

_RANK = list(Confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class NightlyOptions:
    """What a night is asked for beside its plan."""

    against: tuple[str, ...] = AGAINST
    confirm_s: float = 600.0  # for all A/Bs; 0: none
    asv_config: Path = Path("asv.conf.json")
    out: Path | None = None  # None: <results>/nightly/<run>
    resume: bool | None = None  # None: a run of the same night


@dataclass(frozen=True, slots=True)
class NightlyOutcome:
    """What a night left behind."""

    night: NightlyReport | None  # None: interrupted while it was measured
    folder: Path  # of the artifacts; of the run where it was interrupted
    left: int = 0  # cases not measured yet


def nightly(
    plan: Plan,
    results_dir: Path,
    cache_dir: Path,
    options: NightlyOptions | None = None,
    *,
    listener: Listener | None = None,
    confirm: Callable[..., Confirmation] = confirm_by_ab,
    write_page: Callable[..., object] = write_report,
) -> NightlyOutcome:
    """Measure `plan`, judge the run, publish it and write its folder.

    `confirm` runs the A/Bs, `write_page` writes the HTML page. Ctrl-C while it measures gives a
    `NightlyOutcome` with cases left; later it is raised. Raises InputError, StoreError.
    """
    options, plan = options or NightlyOptions(), resolve_rolling_runtimes(plan)
    if options.out:
        store.check_writable(options.out)  # before anything is measured
    outcome = _measure(plan, results_dir, cache_dir, options, listener)
    if outcome.left:
        return NightlyOutcome(None, outcome.folder, outcome.left)
    info = store.find_run(results_dir, outcome.run)
    unreported = info.folder / UNREPORTED
    with writing(unreported):
        unreported.touch()
    folder = options.out or results_dir / "nightly" / outcome.run
    report = review(results_dir, info)
    _begin(folder)
    _write(folder, {"records.json": show.render_run(report, "json")})
    night = _held(_night(info, report), results_dir, info, options.against)
    night = _confirmed(night, results_dir, cache_dir, options.confirm_s, listener, confirm)
    night = replace(night, report=_gated(night, info))
    night = replace(night, findings=_dated(night, results_dir))
    # before the dashboard is built, which links to it
    write_report(
        results_dir, info.run, folder / "report.html", contrast=next(iter(night.contrasts.values()), None)
    )
    dashboard, published = _publish(results_dir, options.asv_config, outcome.run)
    night = replace(night, dashboard=dashboard, published=published)
    page = NightlyDocument(night)
    _write(
        folder,
        {
            "report.md": show.render_run(night.report, "markdown"),
            "junit.xml": show.render(page, "junit"),
            "comparison.json": show.render(page, "json"),
            SUMMARY: show.render(page, "markdown"),
        },
    )
    with writing(unreported):
        unreported.unlink()
    return NightlyOutcome(night, folder)


# measuring


def _measure(
    plan: Plan, results_dir: Path, cache_dir: Path, options: NightlyOptions, listener: Listener | None
) -> RunOutcome:
    """Measure what is not measured yet: all, the rest of an unfinished run, or nothing."""
    info = None if options.resume is False else _unreported(plan, results_dir, options)
    if info is not None and not (info.folder / JOURNAL).exists():
        return RunOutcome(info.run, info.folder, left=0)
    resume = info is not None or bool(options.resume)
    return run(plan, results_dir, cache_dir, resume=resume, listener=listener)


def _unreported(plan: Plan, results_dir: Path, options: NightlyOptions) -> store.RunInfo | None:
    """Find the newest run that may go on as this one, if it is unfinished or its night is not reported."""
    ours = header(plan, environment(plan))
    found = [
        info
        for info in store.runs(results_dir, ours.suite, ours.machine)
        if not info.header.unlike(ours) and not info.live
    ]
    if not found or not (options.resume or _young(found[-1])):
        return None
    newest = found[-1]
    return newest if any((newest.folder / name).exists() for name in (JOURNAL, UNREPORTED)) else None


def _young(info: store.RunInfo) -> bool:
    return datetime.now(UTC) - datetime.fromisoformat(info.header.started_at) < SAME_NIGHT


# comparing


def _night(info: store.RunInfo, report: Report) -> NightlyReport:
    header = info.header
    return NightlyReport(
        run=info.run,
        suite=header.suite,
        started_at=header.started_at,
        commit=header.commit,
        machine=header.machine,
        report=report,
    )


def _held(
    night: NightlyReport, results_dir: Path, info: store.RunInfo, against: Sequence[str]
) -> NightlyReport:
    """Compare the run with earlier ones; where there is none, say so."""
    contrasts: dict[str, RunComparison] = {}
    missing: dict[str, str] = {}
    for name in against:
        try:
            base, head = find_pair(results_dir, name, info.run, info.header.suite)
            contrasts[name] = compare_runs(results_dir, base, head, gated=name)
        except InputError as error:
            missing[name] = str(error)
    return replace(night, contrasts=contrasts, not_compared=missing)


def _confirmed(
    night: NightlyReport,
    results_dir: Path,
    cache_dir: Path,
    budget_s: float,
    listener: Listener | None,
    confirm: Callable[..., Confirmation],
) -> NightlyReport:
    """Let A/Bs decide about suspects, in the time that there is for all of them; gather what is found."""
    contrasts: dict[str, RunComparison] = {}
    findings: list[NightlyFinding] = []
    notes: list[str] = []
    for name, contrast in night.contrasts.items():
        begun, after = monotonic(), contrast
        try:
            if budget_s > 0:
                after = confirm_suspects(
                    contrast, results_dir, cache_dir, budget_s=budget_s, listener=listener, confirm=confirm
                )
                if after.interrupted:
                    raise KeyboardInterrupt
            notes += [f"against {name}: {note}" for note in after.notes]
        except InputError as error:  # the suite has changed since it was measured
            notes.append(f"against {name}: no A/B: {error}")
        budget_s -= monotonic() - begun
        contrasts[name] = after
        stored = {(item.case, item.metric): item for item in contrast.compared.comparisons}
        findings += [
            _finding(name, after, before, item)
            for item in after.compared.comparisons
            if (before := stored[item.case, item.metric]).suspect
            or item.decision.verdict is Change.REGRESSION
        ]
    findings.sort(key=lambda item: (_RANK.index(item.confidence), -item.comparison.worse))
    return replace(night, contrasts=contrasts, findings=tuple(findings), notes=tuple(notes))


def _gated(night: NightlyReport, info: store.RunInfo) -> Report:
    """Let A/Bs decide the gates that ask for one, and add what the comparisons show beside the others."""
    found = {name: contrast.compared.comparisons for name, contrast in night.contrasts.items()}
    asked = [Gate(**gate) for gate in info.header.gates]
    outcomes = with_evidence(night.report.gates, asked, found)
    return replace(night.report, gates=beside_comparisons(outcomes, found))


def _finding(
    name: str, contrast: RunComparison, before: MetricComparison, after: MetricComparison
) -> NightlyFinding:
    causes = tuple(change for change, cases in contrast.causes.items() if after.case in cases)
    confidence = _confidence(before.decision.verdict, after.decision)
    if confidence is Confidence.SHOWN and after.unconfirmed is Unconfirmed.NOTHING_DIFFERS and not causes:
        # A change that the software did not make is the machine's: no alarm, unless a gate says so.
        confidence = Confidence.OPEN
    return NightlyFinding(
        against=name, base_run=contrast.base.run, comparison=after, confidence=confidence, causes=causes
    )


def _confidence(before: Change, decision: Decision) -> Confidence:
    """Return how sure it is, from the stored runs' verdict and the decision that counts."""
    match decision.verdict:
        case Change.REGRESSION:
            return Confidence.CONFIRMED if decision.source is DecisionSource.AB else Confidence.SHOWN
        case Change.INCONCLUSIVE if before is Change.INCONCLUSIVE:
            return Confidence.OPEN
    return Confidence.REFUTED


# dating


def _dated(night: NightlyReport, results_dir: Path) -> tuple[NightlyFinding, ...]:
    """Say of each finding since which run it has been so."""
    return tuple(_date(finding, night, results_dir) for finding in night.findings)


def _date(finding: NightlyFinding, night: NightlyReport, results_dir: Path) -> NightlyFinding:
    item = finding.comparison
    if item.base is None or finding.confidence is Confidence.REFUTED:
        return finding
    known = history(results_dir, [item.metric], case=item.case, suite=night.suite, machine=night.machine)
    trend = next(trend for trend in known if trend.case == item.case)
    points = [point for point in trend.points if finding.base_run < point.run <= night.run]
    start = len([point for point in trend.points if point.run <= finding.base_run])
    shifts = [replace(shift, index=shift.index - start) for shift in trend.shifts if shift.index >= start]
    first = points[since([point.value for point in points], item.base, shifts)]
    return replace(finding, since=first.run, since_at=first.started_at)


# publishing


def _publish(results_dir: Path, config: Path, run: str) -> tuple[str, bool]:
    """Put the run on asv's dashboard; say where it is, or why it is not there, and whether that will do."""
    if find_spec("asv") is None:
        return "not published: asv is not installed (pip install asv==0.6.6 asv_runner==0.3.2)", True
    if not config.is_file():
        return f"not published: no file {str(config)!r}; 'harness asv export' writes one", True
    from harness.asv import export as asv

    try:
        asv.export_missing(results_dir, config, run)
        site = asv.publish(results_dir, config)
    except (HarnessError, OSError) as error:
        # A mistake in the configuration is no failure of the night's; what cannot be kept is.
        return f"not published: {error}", isinstance(error, InputError)
    here = Path.cwd()
    return str(site.relative_to(here) if site.is_relative_to(here) else site), True


def _begin(folder: Path) -> None:
    """Make the folder of the artifacts; what it says of an earlier night is over. Raises StoreError."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SUMMARY).unlink(missing_ok=True)


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        content = (text + "\n").encode("utf-8", "replace")
        write_whole(folder / name, lambda part, content=content: part.write_bytes(content))  # type: ignore[misc]
