"""The third loop: which version was the first to make a model slower, bigger or less accurate?

Each step compares one version with the oldest that runs: by an A/B for speed
and memory, else exactly, by outputs on the same inputs. Every step is on disk
before the next one begins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import monotonic

from packaging.version import Version

from harness import build, install, measure
from harness.ab.job import run_ab
from harness.ab.model import ABSettings, Pair, Pairing, describe_lost
from harness.bisect import degradation as losses
from harness.bisect import halving
from harness.bisect.model import Over, Question, Scan, Search, Step, StepVerdict
from harness.build.scratch import scratch
from harness.core.case import CURRENT, FP32, Case
from harness.core.errors import CaseError, InputError, NotFoundError
from harness.core.listener import Listener
from harness.core.metrics import is_foreign, spec_of
from harness.core.record import Status
from harness.core.registry import closest
from harness.core.sampling import Sampling
from harness.core.suite import Plan, Suite
from harness.core.tools import brings_rows
from harness.judge.outputs import Outputs
from harness.run.bench import Bench, OpenBench, open_arms
from harness.store.ledger import Ledger, unfinished

FOLDER = "bisect"
OLDEST = Version("1.17")
"""The oldest version that a worker runs under."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """The versions to search, oldest first, each as a case."""

    title: str
    suite: Suite
    cases: Mapping[str, Case]
    files: tuple[Path, ...]  # as named by the user; a search goes on only where they are as they were


def over_runtimes(
    plan: Plan,
    path: Path,
    distribution: str,
    good: str | None = None,
    bad: str | None = None,
    *,
    over: Over = Over.RUNTIME,
    released: Callable[[str], Sequence[str]] = install.released,
) -> Candidates:
    """Line up the released versions of `distribution` from `good` to `bad` for the one case of `plan`.

    With `over`, the versions are those of what runs the model, or of what quantizes it.
    Without `good`: from the oldest that a worker runs under; without `bad`: up
    to the newest. Raises InputError, NotFoundError, Failed where the package
    index cannot be asked.
    """
    case = _only_case(plan, path)
    if over is Over.QUANTIZER and case.artifact.precision == FP32:
        raise InputError("--over quantizer: fp32 is not quantized; name a precision")
    if over is Over.QUANTIZER and case.artifact.quantizer != CURRENT:
        raise InputError(
            "axes.quantizer: a search goes over all versions; name its ends with --good and --bad"
        )
    if over is Over.RUNTIME and case.session.runtime != CURRENT:
        raise InputError("--runtime: a search goes over all versions; name its ends with --good and --bad")
    known = sorted(released(distribution), key=Version)
    first = _find(good, known, "--good", distribution)
    last = _find(bad, known, "--bad", distribution)
    if first is None:
        first = next((version for version in known if Version(version) >= OLDEST), None)
    wanted = [
        version
        for version in known
        if (first is None or Version(version) >= Version(first))
        and (last is None or Version(version) <= Version(last))
    ]
    if len(wanted) < 2:
        raise InputError(
            f"--good {first} --bad {last}: a search needs two versions of {distribution}, the good one older"
        )
    cases = {version: _at(case, over, f"{distribution}=={version}") for version in wanted}
    by = "on" if over is Over.RUNTIME else "quantized by"
    return Candidates(f"{case.key} {by} {distribution}", plan.suite, cases, (path,))


def _at(case: Case, over: Over, requirement: str) -> Case:
    if over is Over.QUANTIZER:
        return replace(case, artifact=replace(case.artifact, quantizer=requirement))
    return replace(case, session=replace(case.session, runtime=requirement))


def over_models(plans: Mapping[Path, Plan]) -> Candidates:
    """Line up model files in the order given. Raises InputError."""
    if len(plans) < 2:
        raise InputError("a search over models needs two files at least, the good one first")
    cases = {str(path): _only_case(plan, path) for path, plan in plans.items()}
    suites = [plan.suite for plan in plans.values()]
    models = tuple(model for suite in suites for model in suite.models)
    return Candidates(f"{len(plans)} models", replace(suites[0], models=models), cases, tuple(plans))


def _only_case(plan: Plan, path: Path) -> Case:
    if len(plan.cases) != 1:
        raise InputError(
            f"{path}: {len(plan.cases)} cases; a search takes one: give every axis one value, or use --only"
        )
    return plan.cases[0]


def _find(wanted: str | None, released: Sequence[str], flag: str, distribution: str) -> str | None:
    """Return a version, with or without ``distribution==`` before it. Raises NotFoundError."""
    wanted = None if wanted is None else wanted.removeprefix(f"{distribution}==")
    if wanted is not None and wanted not in released:
        raise NotFoundError(f"{flag} {wanted}: not a released version; {closest(wanted, released)}")
    return wanted


def bisect(
    candidates: Candidates,
    metric: str,
    results_dir: Path,
    cache_dir: Path,
    *,
    limit: float | None = None,
    settings: ABSettings = ABSettings(),  # noqa: B008 (frozen)
    scan: Scan = Scan.HALVES,
    resume: bool = False,
    listener: Listener | None = None,
    open_bench: OpenBench = open_arms,
) -> Search:
    """Search `candidates` for the first version where `metric` is worse than `limit` allows.

    Exact questions look at every version, timed ones at those that `scan` names.
    Without `limit`: worse than half of what lies between the ends. `settings` are
    those of each A/B, its minimum effect aside. Ctrl-C ends the search, not
    what is known: it can be resumed. Raises InputError where there is nothing
    to resume or data is wrong, NotFoundError for a metric that cannot be
    searched by, StoreError where steps cannot be kept.
    """
    _check(candidates, metric)
    question = Question(candidates.title, metric, tuple(candidates.cases), limit)
    with (
        scratch() as work,
        _open(candidates, question, results_dir, resume) as ledger,
    ):
        lines = ledger.lines()
        steps = [Step.from_json(line["step"]) for line in lines if "step" in line]
        question = Question.from_json(lines[0]["question"])
        suite = _only(candidates.suite, question.metric)
        bench = open_bench(suite, cache_dir, work, measure.describe_machine())
        listener = listener or Listener()
        search = _Bisection(
            candidates, question, bench, settings, results_dir, ledger, listener, steps, open_bench, scan
        )
        finding = None
        try:
            search.run()
            finding = halving.conclude(question.versions, search.steps)
            ledger.append({"finding": asdict(finding)})
        except KeyboardInterrupt:
            pass  # the finding that is missing shows it
        return Search(
            id=ledger.id,
            question=question,
            steps=tuple(search.steps),
            finding=finding,
            limit=search.known_limit,
            file=str(ledger.path),
        )


def _check(candidates: Candidates, metric: str) -> None:
    if metric not in losses.SEARCHED and not is_foreign(metric.partition("/")[0]):
        raise NotFoundError(f"--metric {metric}: cannot be searched by; {closest(metric, losses.SEARCHED)}")
    if metric in losses.LABELLED and any(
        model.data is None and not brings_rows(model.source.kind)
        for model in (case.artifact.model for case in candidates.cases.values())
    ):
        raise InputError(f"--metric {metric}: takes labelled data; name it with --data")


def _open(candidates: Candidates, question: Question, results_dir: Path, resume: bool) -> Ledger:
    """Begin a search, or take up the newest unfinished one that asks the same."""
    folder = results_dir / FOLDER
    header = {"bisect": 1, "key": _key(candidates, question)}
    if resume:
        path = unfinished(folder, header, "finding")
        if path is None:
            raise InputError(f"--resume: {folder} has no unfinished search like this; begin one without it")
        return Ledger(folder, path)
    ledger = Ledger(folder)
    ledger.append({**header, "question": asdict(question), "environment": measure.describe_machine()})
    return ledger


def _key(candidates: Candidates, question: Question) -> str:
    """Identify what is searched: versions and cases in full, metric, limit, and the bytes of all files."""
    files = [hashlib.sha256(path.read_bytes()).hexdigest() for path in candidates.files]
    artifacts = dict.fromkeys(case.artifact for case in candidates.cases.values())
    data = {model.data for model in candidates.suite.models if model.data is not None}
    used = [*build.identify(artifacts), *sorted(map(build.identify_data, data))]
    parts = [*candidates.cases.items(), question.metric, question.limit, *files, *used]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _only(suite: Suite, metric: str) -> Suite:
    """Measure nothing but outputs, or instructions: a call is timed only because every worker times one.

    What another package's metric takes is not known: for it, all is measured as the suite says.
    """
    if metric not in losses.SEARCHED and not spec_of(metric).machine_free:
        return suite
    once = Sampling(warmup_calls=0, warmup_s=0.0, calls=1, seconds=None, timeout_s=suite.sampling.timeout_s)
    counts = bool(spec_of(metric).taken_in)
    asked = suite.measure.with_passes(memory=False, proof=False, accuracy=not counts, instructions=counts)
    return replace(suite, sampling=once, measure=asked)


@dataclass
class _Bisection:
    """One search on its way."""

    candidates: Candidates
    question: Question
    bench: Bench
    settings: ABSettings
    results_dir: Path
    ledger: Ledger
    listener: Listener
    steps: list[Step]
    open_bench: OpenBench = open_arms
    scan: Scan = Scan.HALVES
    _seen: dict[str, losses.VersionOutputs] = field(default_factory=dict)

    def run(self) -> None:
        """Take every step that is left."""
        while pair := self._next():
            self.listener.start_step(len(self.steps) + 1, *pair)
            begun = monotonic()
            step = self._step(*pair)
            seconds = round(monotonic() - begun, 3)
            step = replace(step, version=pair[0], against=pair[1], seconds=seconds)
            self.ledger.append({"step": step.to_json()})
            self.steps.append(step)
            self.listener.end_step(step)

    def _next(self) -> tuple[str, str] | None:
        """Return which version to test next, and against which one."""
        # an exact answer takes a second, and hides no window; a count of instructions takes ten
        slow = self.timed or spec_of(self.question.metric).taken_in
        scan = self.scan if slow else Scan.ALL
        return halving.next_step(self.question.versions, self.steps, confirm=self.timed, scan=scan)

    @property
    def timed(self) -> bool:
        """Whether a step is an A/B."""
        return self.question.metric in losses.TIMED

    @property
    def limit(self) -> float:
        """How much worse a version must be to count as bad, as far as it is known."""
        return halving.limit(self.question.limit, self._least(), self.question.versions, self.steps)

    @property
    def known_limit(self) -> float | None:
        """The limit, where it takes no worker to know it."""
        if self.question.limit is not None or not losses.is_scaled(self.question.metric):
            return self.limit
        base = halving.base_of(self.question.versions, self.steps)
        return self.limit if base in self._seen else None

    def _least(self) -> float:
        metric, base = self.question.metric, halving.base_of(self.question.versions, self.steps)
        if base is None or not losses.is_scaled(metric):
            return losses.least(metric, None)
        seen, wanted = self._see(base), self._wanted(base)
        return losses.least(metric, None if losses.refusal(metric, seen, wanted) else seen, wanted)

    def _wanted(self, version: str) -> str | None:
        """Name the output that counts, by the suite or by the source of the model; None: the first."""
        model = self.candidates.cases[version].artifact.model
        return model.output or self._see(version).outputs.counts

    def _see(self, version: str) -> losses.VersionOutputs:
        """Run a version once, for all that is compared with it."""
        if version not in self._seen:
            case = self.candidates.cases[version]
            if not self.steps and not self._seen:
                self._count_ends()
            record = self.bench.measure(case)
            self._seen[version] = losses.VersionOutputs(record, self.bench.outputs.get(case, Outputs()))
        return self._seen[version]

    def _count_ends(self) -> None:
        """Count both ends at the same time, where instructions are searched."""
        if self.bench.suite.measure.wants("instructions"):
            ends = self.question.versions[0], self.question.versions[-1]
            with suppress(CaseError):  # the end that cannot be had is a step of its own
                self.bench.count_ahead(*([self.candidates.cases[version]] for version in ends))

    def _step(self, version: str, against: str) -> Step:
        """Test `version`; the caller names it and its opponent."""
        head = self._see(version)
        if not against:
            if head.record.status is Status.OK:
                return _blank(StepVerdict.GOOD, "it runs the model; the others are compared with it")
            return losses.lost(head.record, fatal=False)
        end_is_lost = halving.end_is_lost(self.question.versions, self.steps)
        if head.record.status is not Status.OK:
            # of the newest version, the worst answer there is; of one in between, no answer to the question
            return losses.lost(
                head.record, fatal=end_is_lost is not False or self.question.metric == "status"
            )
        if self.timed and not end_is_lost:
            return self._race(version, against)
        metric = "status" if end_is_lost else self.question.metric
        base = self._see(against)
        if why := losses.refusal(metric, base, self._wanted(against)):
            raise InputError(f"--metric {metric}: {against}: {why}")
        return losses.hold(metric, base, head, self.limit, self._wanted(version))

    def _race(self, version: str, against: str) -> Step:
        """Decide a step by an A/B; the last one, between neighbours, asks for any difference at all."""
        confirms = against != halving.base_of(self.question.versions, self.steps)
        limit = min(self.limit, self._least()) if confirms else self.limit
        metric, cases = self.question.metric, self.candidates.cases
        result = run_ab(
            Pairing((Pair(self.question.case, cases[against], cases[version]),)),
            _speed_only(self.candidates.suite, metric),
            replace(
                self.settings, min_effect=limit, seed=self.settings.seed + len(self.steps), metrics=(metric,)
            ),
            self.results_dir,
            self.bench.cache_dir,
            base={"version": against},
            head={"version": version},
            open_bench=self.open_bench,
        )
        if result.interrupted:
            raise KeyboardInterrupt
        found = next((row for row in result.comparisons if row.metric == metric), None)
        lost = result.failed.get(self.question.case, ())
        if lost or found is None:
            skipped = lost and lost[0].arm != "base"
            mark = StepVerdict.SKIPPED if skipped else StepVerdict.UNDECIDED
            step = _blank(mark, describe_lost(lost) or f"no {metric} in any block")
        else:
            step = losses.judge_speed(found, limit)
        return replace(step, trusted=result.trusted, file=result.file)


def _blank(mark: StepVerdict, reason: str) -> Step:
    return Step(version="", against="", mark=mark, reason=reason)


def _speed_only(suite: Suite, metric: str) -> Suite:
    """Leave out what an A/B would measure beside `metric`."""
    asked = suite.measure.with_passes(
        memory=spec_of(metric).asked_by == "memory", proof=False, accuracy=False
    )
    return replace(suite, gates=(), measure=asked)
