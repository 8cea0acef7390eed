"""Measure each case once in each arm, for what needs no repetition: does it run, its size, its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from harness.ab import decide
from harness.ab.model import ARMS, ABSettings, Lost, Pair
from harness.core.case import Case, thaw
from harness.core.decision import Change, MetricComparison
from harness.core.errors import CaseError
from harness.core.record import Record, Status
from harness.core.tools import brings_rows
from harness.judge.agreement import apart, unlike_inputs
from harness.run.bench import Bench
from harness.store.trace import Trace


def may_have_labels(case: Case) -> bool:
    """Return whether the model comes with data, the suite's or its source's."""
    model = case.artifact.model
    return model.data is not None or brings_rows(model.source.kind)


class ArmRecords:
    """The records of both arms, case by case, and the rows that they decide without any block."""

    def __init__(self, bench: Bench, trace: Trace, settings: ABSettings, pairs: Sequence[Pair]) -> None:
        self.bench = bench
        self.trace = trace
        self.settings = settings
        # cases that may have labels: their tests share alpha
        self.labelled = sum(may_have_labels(pair.head) for pair in pairs)
        self.rows: list[MetricComparison] = []
        self.of_case: dict[str, tuple[Record, Record]] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the records note, each once."""
        both = (record for pair in self.of_case.values() for record in pair)
        return tuple(dict.fromkeys(note for record in both for note in record.notes))

    @property
    def unsupported(self) -> frozenset[str]:
        """The cases that this machine runs in neither arm."""
        return frozenset(
            case
            for case, (base, head) in self.of_case.items()
            if base.status is head.status is Status.UNSUPPORTED
        )

    def compare(self, pair: Pair) -> tuple[Lost, ...]:
        """Measure a pair, and compare records and outputs of its arms; return the arms that do not run."""
        if self.settings.counted:
            with suppress(CaseError):  # whatever it is, measuring meets it again
                self.bench.count_ahead([pair.base], [pair.head])
        both = base, head = self._measure(pair.base), self._measure(pair.head)
        self.of_case[pair.name] = both
        self.rows += decide.compare_records(pair.name, base, head, self.settings, self.labelled)
        lost = tuple(
            Lost(arm, record.status, record.reason)
            for arm, record in zip(ARMS, both, strict=True)
            if record.status is not Status.OK
        )
        if not lost:
            self.rows += self._compare_answers(pair)
        return lost

    def _measure(self, case: Case) -> Record:
        record = self.bench.measure(case, self.trace.id)
        self.trace.append({"record": record.to_json()})
        return record

    def _compare_answers(self, pair: Pair) -> list[MetricComparison]:
        base, head = (self.bench.outputs.pop(case) for case in (pair.base, pair.head))
        if base.values is None or head.values is None:
            return []
        model = pair.head.artifact.model
        loads = [(case.load.batch, case.load.shapes) for case in (pair.base, pair.head)]
        compare = partial(
            decide.compare_answers,
            pair.name,
            head=head,
            wanted=model.output or head.counts,
            tolerance=thaw(model.tolerance),
            same_load=loads[0] == loads[1],
            unlike=unlike_inputs(*self.of_case[pair.name]),
        )
        found = compare(base)
        if base.varies is None and any(row.decision.verdict is Change.REGRESSION for row in found):
            # before HEAD is blamed: another process of BASE must answer as the first did
            return compare(replace(base, varies=apart(base, self.bench.evaluate(pair.base))))
        return found
