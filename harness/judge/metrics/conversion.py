"""How a converted model answers beside the original that it was made of."""

from __future__ import annotations

from harness.core.case import thaw
from harness.core.record import Absence, Metric
from harness.judge.closeness import limits
from harness.judge.conversion import SOURCE, counted, likeness, matches
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing
from harness.judge.metrics.accuracy import LABELS, labelled, score_output
from harness.judge.metrics.drift import variation, varies
from harness.judge.outputs import CLASSIFICATION, REGRESSION, Match, Unfit, task_of

ALIKE, ERROR, SQNR = "accuracy/vs_source", "accuracy/vs_source_error", "accuracy/vs_source_sqnr_db"
TAKEN = {"accuracy/max_abs_error": ERROR, "accuracy/sqnr_db": SQNR}
OF_SOURCE = {CLASSIFICATION: "accuracy/source_top1", REGRESSION: "accuracy/source_mae"}


def conversion(facts: Facts) -> dict[str, Metric]:
    """Judge the output that counts against the original's answers, and those against the labels."""
    task = facts.case.artifact.model.task or CLASSIFICATION
    try:
        if facts.labels is None:
            raise Unfit("no labels")
        task = task_of(facts.case.artifact.model.task, facts.labels)
        reference = _match(facts).reference
        scored = score_output(facts, reference, facts.labels[: len(reference)], task)
    except Unfit as error:
        of_source = missing(OF_SOURCE[task], str(error), kind=LABELS)
    else:
        of_source = labelled(OF_SOURCE[task], scored)
    return {**_alike(facts), OF_SOURCE[task]: of_source}


def _match(facts: Facts) -> Match:
    """Pair the output that counts with the original's answers. Raises Unfit."""
    if facts.outputs is None:
        raise Unfit(facts.outputs_reason or "no outputs")
    return counted(facts, matches(facts, facts.outputs))


def _alike(facts: Facts) -> dict[str, Metric]:
    try:
        own = variation(facts.observations[0].outputs) if facts.observations else None
        if own is not None:
            raise Unfit(varies(own))
        match = _match(facts)
        seen = likeness(match, limits((facts.built.precision,), thaw(facts.case.artifact.model.tolerance)))
    except Unfit as error:
        nothing = Absence.OTHER if facts.built.origin else Absence.NOT_ASKED
        return {
            name: missing(name, str(error), kind=SOURCE, absence=nothing) for name in (ALIKE, ERROR, SQNR)
        }
    found = {ALIKE: metric(ALIKE, seen.share, n=len(match.ours), kind=SOURCE)}
    for name, ours in TAKEN.items():
        taken = seen.metrics.get(name)
        if taken is None:
            found[ours] = missing(ours, "the output is text", kind=SOURCE)
        elif taken.value is None:
            found[ours] = missing(ours, taken.reason, n=taken.n, kind=SOURCE, absence=taken.absence)
        else:
            found[ours] = metric(ours, taken.value, n=taken.n, kind=SOURCE)
    return found
