"""Say what a reader of the numbers must know."""

from __future__ import annotations

from collections.abc import Iterator

from harness.core.record import Metric, Observation
from harness.judge.facts import Facts
from harness.judge.metrics.drift import RANDOM_INPUTS, output_drift, variation, varies
from harness.judge.mixing import MIXES, mixes
from harness.judge.status import partial_placement
from harness.judge.steady import steadiness, why_unknown


def notes(facts: Facts, metrics: dict[str, Metric]) -> tuple[str, ...]:
    """Return the notes of a case, each once, those of the artifact first."""
    found = list(facts.built.notes)
    for observation in facts.observations:
        found += observation.system.get("notes") or ()
        found += _placement(facts, observation)
        found += _threads(facts, observation)
        found += _pinning(facts, observation)
    found += _unproven(facts)
    found += _steadiness(facts)
    found += _nonfinite(metrics)
    found += _outputs(facts)
    found += _random(facts, metrics)
    return tuple(dict.fromkeys(found))


def _placement(facts: Facts, observation: Observation) -> Iterator[str]:
    if partial := partial_placement(facts, observation):
        yield partial
    for what, why in (observation.proof.get("unavailable") or {}).items():
        yield f"no proof of {what}: {why}"


def _unproven(facts: Facts) -> Iterator[str]:
    """Say that a provider other than the CPU's, which may leave nodes to that, was taken at its word."""
    if facts.case.session.provider.kind != "cpu" and facts.timings and not facts.observations[0].proof:
        yield "no proof of assignment: the proof pass did not run"


def _threads(facts: Facts, observation: Observation) -> Iterator[str]:
    session, seen = facts.case.session, observation.session
    asked, cores = session.intra_threads, seen.get("cores") or facts.cores
    most = max(asked, session.inter_threads if session.execution_mode == "parallel" else 0)
    if cores and most > len(cores):
        yield f"{most} threads on {len(cores)} {'core' if len(cores) == 1 else 'cores'}"
    before, after = (seen.get("threads", {}).get(when) for when in ("before", "after"))
    # the calling thread is one of them; other providers have pools of their own
    known = before is not None and after is not None and session.provider.kind == "cpu"
    if known and after - before < asked - 1:
        yield f"asked for {asked} threads, the session started {after - before} beside the calling one"


def _pinning(facts: Facts, observation: Observation) -> Iterator[str]:
    seen = {*observation.session.get("cores", ()), *observation.session.get("thread_cores", ())}
    if facts.cores and seen and seen != set(facts.cores):
        asked, have = (",".join(str(core) for core in sorted(cores)) for cores in (facts.cores, seen))
        yield f"pinning not in effect: asked for cores {asked}, ran on {have}"


def _steadiness(facts: Facts) -> Iterator[str]:
    for number, calls in enumerate(facts.calls(), start=1):
        of = f" (process {number})" if len(facts.timings) > 1 else ""
        if (unknown := why_unknown(calls)) and not facts.brief:
            yield f"steadiness unknown: {unknown}"  # most often the same of every process
        for flag in steadiness(calls) or ():
            yield f"not steady: {flag}{of}"


def _nonfinite(metrics: dict[str, Metric]) -> Iterator[str]:
    count = metrics.get("accuracy/nonfinite")
    if count is not None and count.value:
        yield f"{count.value:.0f} of {count.n} output elements are NaN or Inf"


def _outputs(facts: Facts) -> Iterator[str]:
    """Say what is wrong with outputs and inputs: drift, no repetition, NaN, a batch that is none."""
    seen = facts.observations[0].outputs if facts.observations else {}
    largest = variation(seen)
    if largest is not None:
        yield varies(largest)
    for item in output_drift(facts):
        if item.close is False:
            yield f"outputs drift: {item.output}: {item.reason}, against the {facts.twin_kind}"
    if why := mixes(facts):
        yield f"{MIXES}: {why}"
    for name, (bad, of) in (seen.get("nonfinite_inputs") or {}).items():
        yield f"inputs are NaN: {bad} of {of} elements of {name} are NaN or Inf"


def _random(facts: Facts, metrics: dict[str, Metric]) -> Iterator[str]:
    """Say where random numbers stand for data."""
    if str(facts.built.provenance.get("calibration", "")).startswith("random"):
        yield "random calibration: INT8 ranges are those of random numbers; name data to calibrate on"
    agreement = metrics.get("accuracy/agreement")
    if agreement is not None and agreement.value is not None and RANDOM_INPUTS in agreement.kind:
        yield "random inputs: agreement is on random numbers; on real data it may be another"
