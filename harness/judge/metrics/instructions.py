"""Instructions of a warm call and of a session's creation: a count, and no time."""

from __future__ import annotations

from harness.core.record import Absence, Metric
from harness.judge.facts import Facts
from harness.judge.metrics import metric, missing

NAMES = ("instructions/call", "instructions/session")


def instructions(facts: Facts) -> dict[str, Metric]:
    """Judge the counts: the smallest stretch of calls, a call of it; and the smallest creation.

    What a runtime does by the clock is in some stretches only, and in no call as such.
    """
    part = facts.observations[0].parts.get("instructions", {}) if facts.observations else {}
    counts = part.get("counts")
    if not counts:
        if why := part.get("unavailable"):
            return {name: missing(name, str(why)) for name in NAMES}
        reason = "not asked for: measure.instructions is false"
        return {name: missing(name, reason, absence=Absence.NOT_ASKED) for name in NAMES}
    stretches, created = counts["call"], counts.get("session") or ()
    call, session = NAMES
    return {
        call: metric(call, min(stretches) / part["calls"], n=len(stretches)),
        session: metric(session, min(created), n=len(created))
        if created
        else missing(session, "no session was counted"),
    }
