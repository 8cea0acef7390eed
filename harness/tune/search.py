"""The search of one model on its way: facts in, to the race, and the answer out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.ab.blocks import P50, P95
from harness.core.artifact import Built
from harness.core.case import Artifact, Case
from harness.core.errors import CaseError
from harness.core.listener import Listener
from harness.core.metrics import spec_of
from harness.core.record import Metric, Record, Status
from harness.core.suite import Plan
from harness.core.units import format_value
from harness.plan import estimate
from harness.store.trace import Trace
from harness.tune import decide
from harness.tune.model import Answer, TuneSettings
from harness.tune.paste import Snippets, snippets
from harness.tune.probe import Instruments, first_costs
from harness.tune.race import Ask, Race, Step
from harness.tune.space import space_of, support_key

SHARE, FULL_CELLS = 0.15, 96
"""The share of a full sweep's time that is spent by default; of fewer cells, the time that these take."""

RATES = ("throughput/samples_per_s", "throughput/calls_per_s")


def sweep_seconds(plan: Plan) -> float:
    """Estimate the cases of a full sweep, builds left out: a search has those too."""
    twice = replace(plan, cases=(*plan.cases, *plan.cases))
    return estimate(twice).seconds - estimate(plan).seconds


class ModelSearch:
    """One model's search on its way."""

    def __init__(
        self,
        model: str,
        cases: Sequence[Case],
        plan: Plan,
        settings: TuneSettings,
        tools: Instruments,
        trace: Trace,
        listener: Listener,
        old: deque[dict[str, Any]],
        clock: Callable[[], float],
    ) -> None:
        self.model, self.cases, self.settings = model, cases, settings
        self.keys = [case.key for case in cases]
        self.tools, self.trace, self.listener, self.old, self.clock = tools, trace, listener, old, clock
        self.space = space_of(cases)
        self.sweep_s = sweep_seconds(replace(plan, cases=tuple(cases)))
        self.wants_outputs = plan.suite.measure.wants("accuracy")
        exact = [limit for limit in settings.limits if spec_of(limit.metric).machine_free]
        self.limits_exact = exact
        timed = tuple(limit for limit in settings.limits if limit not in exact)
        budget_s = settings.budget_s and settings.budget_s * len(cases) / len(plan.cases)
        self.race = Race(
            self.space,
            settings.objective,
            timed,
            budget_s or min(self.sweep_s, SHARE * self.sweep_s * max(1.0, FULL_CELLS / len(cases))),
            first_costs(plan.suite),
            settings.seed,
            interleaves=settings.objective.metric in (P50, P95, *RATES),
        )
        self.exact: dict[int, dict[str, Metric]] = {}
        self.samples: set[int] = set()  # groups whose batches were looked at: do they hold samples?
        self.built: dict[Artifact, Built] = {}
        self.records: dict[int, Record] = {}  # the last one of each cell
        self.blocks = self.asked = 0

    def run(self) -> None:
        """Build what can be built, then measure until the race ends."""
        for artifact in dict.fromkeys(case.artifact for case in self.cases):
            self._build(artifact)
        while (ask := self.race.ask()) is not None:
            self.asked += 1
            left = max(1, int(self.race.left_s / max(1e-9, self.race.cost_s(Step.PROBE))))
            key = self.keys[ask.cell]
            self.listener.start_stage(str(ask.step), key, self.asked, max(self.asked, self.asked - 1 + left))
            outcome = self._take(ask, self._kept(ask) or self._measure(ask))
            self.listener.end_stage(outcome, max(0.0, self.race.budget_s - self.race.spent_s))

    def _build(self, artifact: Artifact) -> None:
        """Make a model file; all cells of one that cannot be made, or is too large, are out."""
        reason = ""
        try:
            self.built[artifact] = built = self.tools.build(artifact)
        except CaseError as error:
            reason = str(error)
        else:
            sizes = [limit for limit in self.limits_exact if limit.metric == "model/size"]
            out = [limit.text for limit in sizes if not limit.holds(built.size_bytes)]
            reason = f"breaks {' and '.join(out)}: {format_value(built.size_bytes, 'B')}" if out else ""
        if reason:
            for cell, case in enumerate(self.cases):
                if case.artifact == artifact:
                    self.race.bar(cell, reason)

    def _kept(self, ask: Ask) -> dict[str, Any] | None:
        """Return what an earlier part of this search has of a measurement; nothing once they differ."""
        if not self.old:
            return None
        fact = self.old.popleft()
        base = None if ask.base is None else self.keys[ask.base]
        if (fact["model"], fact["step"], fact["case"], fact["base"]) == (
            self.model,
            ask.step,
            self.keys[ask.cell],
            base,
        ):
            self.trace.append(fact)
            return fact
        self.old.clear()
        return None

    def _measure(self, ask: Ask) -> dict[str, Any]:
        """Measure what was asked for; its facts are on disk before they are used."""
        begun, case = self.clock(), self.cases[ask.cell]
        fact: dict[str, Any] = {"model": self.model, "step": str(ask.step), "case": case.key, "base": None}
        if ask.base is not None:
            fact["base"] = self.keys[ask.base]
            fact["ratios"], fact["lost"] = self.tools.block(self.cases[ask.base], case, self.blocks)
        elif ask.step is Step.PROBE:
            outputs = self.wants_outputs and (
                self.space.groups[ask.cell] not in self.exact or self._counts_on_batch(ask.cell)
            )
            fact["record"] = self.tools.probe(case, outputs).to_json()
        else:
            fact["record"] = self.tools.fresh(case).to_json()
        fact["cost_s"] = self.clock() - begun
        self.trace.append(fact)
        return fact

    def _take(self, ask: Ask, fact: Mapping[str, Any]) -> str:
        """Hand the facts to the race; return in a few words what they are."""
        cost_s = float(fact["cost_s"])
        if ask.base is not None:
            return self._take_block(ask, fact, cost_s)
        record = Record.from_json(fact["record"])
        self.records[ask.cell] = record
        if record.status is not Status.OK:
            reason = f"{record.status}: {record.reason}"
            self.race.lose(ask, reason, cost_s)
            if record.status is Status.UNSUPPORTED:
                self._bar_alike(ask.cell, reason)
            return reason
        if broken := self._take_exact(ask, record) or self._take_batch(ask, record):
            self.race.lose(ask, broken, cost_s)
            return broken
        self.race.tell(ask, _values(record, (*self.race.fits, "memory/peak")), cost_s)
        found = record.metrics.get(self.settings.objective.metric)
        text = format_value(found.value, found.unit) if found and found.value is not None else "no value"
        return self.race.barred.get(ask.cell, text)

    def _take_block(self, ask: Ask, fact: Mapping[str, Any], cost_s: float) -> str:
        self.blocks += 1
        if fact["lost"]:
            assert ask.base is not None
            cell = ask.base if fact["lost"] == "base" else ask.cell
            self.race.lose(replace(ask, cell=cell), f"lost in a block: {fact['lost']}", cost_s)
            return f"lost: {self.keys[cell]}"
        ratio = self._ratio(ask, fact["ratios"])
        self.race.tell(ask, {} if ratio is None else {self.settings.objective.metric: ratio}, cost_s)
        return "no ratio" if ratio is None else f"{100 * ratio:+.2f}% against {fact['base']}"

    def _ratio(self, ask: Ask, ratios: Mapping[str, float]) -> float | None:
        """Return the log-ratio of the objective: of a rate, by the median call and the batch."""
        metric = self.settings.objective.metric
        if metric not in RATES:
            return ratios.get(metric)
        assert ask.base is not None
        samples = [self.cases[cell].load.batch if metric == RATES[0] else 1 for cell in (ask.base, ask.cell)]
        return None if P50 not in ratios else decide.log_ratio(samples[1], samples[0]) - ratios[P50]

    def _take_exact(self, ask: Ask, record: Record) -> str:
        """Keep what the outputs show of all cells that compute the same; return the limit that it breaks."""
        known = {name: each for name, each in record.metrics.items() if spec_of(name).machine_free}
        group = self.space.groups[ask.cell]
        evaluated = any(
            name.startswith("accuracy/") and each.value is not None for name, each in known.items()
        )
        if group not in self.exact and (evaluated or not self.wants_outputs or ask.step is Step.PROBE):
            self.exact[group] = known
        rows = known if evaluated else self.exact.get(group, known)
        reasons = []
        for limit in self.limits_exact:
            found = rows.get(limit.metric)
            if found is None or found.value is None:
                reasons.append(f"no value of {limit.metric}{f': {found.reason}' if found else ''}")
            elif not limit.holds(found.value):
                reasons.append(f"breaks {limit.text}: {format_value(found.value, found.unit)}")
        if reasons and ask.step is Step.PROBE:
            for cell, other in enumerate(self.space.groups):
                if other == group:
                    self.race.bar(cell, reasons[0])
        return "; ".join(reasons)

    def _counts_on_batch(self, cell: int) -> bool:
        """Return whether it matters that a cell's batch is so many samples, and nothing has shown it yet."""
        asked = {self.settings.objective.metric, *(limit.metric for limit in self.settings.limits)}
        several = self.cases[cell].load.batch > 1 and self.space.groups[cell] not in self.samples
        return several and RATES[0] in asked

    def _take_batch(self, ask: Ask, record: Record) -> str:
        """Bar the batches of all cells that compute the same where a batch is not shown to be samples."""
        if ask.step is not Step.PROBE or not self._counts_on_batch(ask.cell):
            return ""
        group, rate = self.space.groups[ask.cell], record.metrics.get(RATES[0])
        self.samples.add(group)
        if rate is None or rate.value is not None:
            return ""
        for cell, other in enumerate(self.space.groups):
            if other == group and self.cases[cell].load.batch > 1:
                self.race.bar(cell, f"no samples a second: {rate.reason}")
        return f"no samples a second: {rate.reason}"

    def _bar_alike(self, cell: int, reason: str) -> None:
        for other, case in enumerate(self.cases):
            if support_key(case) == support_key(self.cases[cell]):
                self.race.bar(other, reason)

    # the answer

    def answer(self) -> Answer:
        """Conclude from what there is."""
        race, keys, exact = self.race, self.keys, self.exact
        limits = self.settings.limits
        cells = decide.measured_cells(race)
        found = [decide.reached(race, keys, exact, cell) for cell in cells]
        winner = next((cell for cell in race.fresh if cell not in race.barred), None)
        winner = race.winner() if winner is None else winner
        answer = Answer(
            model=self.model,
            cells=len(self.cases),
            probed=len(cells),
            spent_s=race.spent_s,
            sweep_s=self.sweep_s,
            winner=None,
            measured=tuple(found),
            worth=decide.worths(race),
            unmeasured=decide.unmeasured(race, keys),
            barred=decide.barred(race, keys),
        )
        if winner is None:
            return replace(answer, nearest=decide.nearest(found, limits))
        best = decide.reached(race, keys, exact, winner)
        if best.fresh:
            metric = self.records[winner].metrics[self.settings.objective.metric]
            best = replace(best, value=metric.value, low=metric.low, high=metric.high)
        equal = race.equivalents(winner)
        kept = [cell for cell, each in zip(cells, found, strict=True) if not decide.broken(limits, each)]
        sets = [equal, decide.undecided(race, winner, equal), decide.pareto(race, exact, kept)]
        reached = [tuple(decide.reached(race, keys, exact, cell, winner) for cell in each) for each in sets]
        return replace(
            answer,
            winner=best,
            binds=decide.what_binds(found, best, limits, maximize=self.settings.objective.maximize),
            equal=reached[0],
            undecided=reached[1],
            front=reached[2],
            snippets=self._snippets(winner),
        )

    def _snippets(self, winner: int) -> Snippets:
        case, record = self.cases[winner], self.records.get(winner)
        built = self.built.get(case.artifact)
        return snippets(case, built.path if built else "model.onnx", record.options if record else None)


def _values(record: Record, names: Sequence[str]) -> dict[str, float]:
    """Return the values of metrics; a duration or a size that is not above 0 is none."""
    found = {name: record.metrics[name].value for name in names if name in record.metrics}
    return {
        name: value
        for name, value in found.items()
        if value is not None and (value > 0 or not spec_of(name).relative)
    }
