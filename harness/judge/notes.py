"""Find what a reader of the numbers must know."""

from __future__ import annotations

import math
from collections.abc import Iterator

from harness.core.record import Metric, Note, NoteKind, Observation
from harness.judge.facts import Facts
from harness.judge.metrics.drift import output_drift, variation, varies
from harness.judge.mixing import MIXES, UNKNOWN, batch_axis, counts_samples
from harness.judge.status import partial_placement
from harness.judge.steady import steadiness, why_unknown


def notes(facts: Facts, metrics: dict[str, Metric]) -> tuple[Note, ...]:
    """Return the notes of a case, each once, those of the artifact first."""
    found = [Note(NoteKind.RANDOM_WEIGHTS, "", "random weights")] if facts.built.random_weights else []
    found += [Note(NoteKind.ARTIFACT, text) for text in facts.built.notes]
    for observation in facts.observations:
        found += [Note(NoteKind.CORES, text) for text in observation.system.get("notes") or ()]
        found += _placement(facts, observation)
        found += _computed(facts, observation)
        found += _branches(observation)
        found += _threads(facts, observation)
        found += _pinning(facts, observation)
    found += _unproven(facts)
    found += _steadiness(facts)
    found += _nonfinite(metrics)
    found += _outputs(facts)
    found += _random(facts, metrics)
    found += _narrow(facts)
    return tuple(dict.fromkeys(found))


def _placement(facts: Facts, observation: Observation) -> Iterator[Note]:
    if partial := partial_placement(facts, observation):
        yield partial
    for what, why in (observation.proof.get("unavailable") or {}).items():
        yield Note(NoteKind.NO_PROOF, why, f"no proof of {what}")


HALVES = {"fp16": "float16", "bf16": "bfloat16"}
"""Precision of a file -> its element type in a runtime's profile."""


def _computed(facts: Facts, observation: Observation) -> Iterator[Note]:
    """Say where nodes of a half-precision file computed in FP32: the runtime casts back and forth for it.

    The case stays ok: the file is what was asked for, and this is what this provider makes of it.
    """
    types = observation.proof.get("types") or {}
    half = HALVES.get(facts.built.precision)
    wide = types.get("float", 0)
    if half and wide > types.get(half, 0):
        of = f"{wide} of {wide + types.get(half, 0)} nodes"
        text = f"the file holds {facts.built.precision}; {of} computed in fp32, for want of a kernel"
        yield Note(NoteKind.COMPUTED, text, "computed in fp32")


def _branches(observation: Observation) -> Iterator[Note]:
    """Say where the inputs took the same branch in every call: the other one was never measured."""
    for item in observation.proof.get("flow") or ():
        if item["op"] == "If" and len(item["ways"]) == 1 and item["calls"] > 1:
            text = (
                f"If {item['name']!r} took the same branch in all {item['calls']} calls that were looked at"
            )
            yield Note(NoteKind.ONE_BRANCH, text, "one branch")


def _unproven(facts: Facts) -> Iterator[Note]:
    """Say that a provider other than the CPU's, which may leave nodes to that, was taken at its word."""
    if facts.case.session.provider.kind != "cpu" and facts.timings and not facts.observations[0].proof:
        yield Note(NoteKind.NO_PROOF, "the proof pass did not run", "no proof of assignment")


def _threads(facts: Facts, observation: Observation) -> Iterator[Note]:
    session, seen = facts.case.session, observation.session
    asked, cores = session.intra_threads, seen.get("cores") or facts.cores
    most = max(asked, session.inter_threads if session.execution_mode == "parallel" else 0)
    if cores and most > len(cores):
        of = "core" if len(cores) == 1 else "cores"
        yield Note(NoteKind.CORES, f"{most} threads on {len(cores)} {of}")
    before, after = (seen.get("threads", {}).get(when) for when in ("before", "after"))
    # the calling thread is one of them; other providers have pools of their own
    known = before is not None and after is not None and session.provider.kind == "cpu"
    if known and after - before < asked - 1:
        text = f"asked for {asked} threads, the session started {after - before} beside the calling one"
        yield Note(NoteKind.THREADS, text)


def _pinning(facts: Facts, observation: Observation) -> Iterator[Note]:
    seen = {*observation.session.get("cores", ()), *observation.session.get("thread_cores", ())}
    if facts.cores and seen and seen != set(facts.cores):
        asked, have = (",".join(str(core) for core in sorted(cores)) for cores in (facts.cores, seen))
        yield Note(NoteKind.CORES, f"asked for cores {asked}, ran on {have}", "pinning not in effect")


def _steadiness(facts: Facts) -> Iterator[Note]:
    for number, calls in enumerate(facts.calls(), start=1):
        of = f" (process {number})" if len(facts.timings) > 1 else ""
        if (unknown := why_unknown(calls)) and not facts.brief:
            # most often the same of every process
            yield Note(NoteKind.STEADINESS_UNKNOWN, unknown, "steadiness unknown")
        for flag in steadiness(calls) or ():
            yield Note(NoteKind.UNSTEADY, f"{flag}{of}", "not steady")


def _nonfinite(metrics: dict[str, Metric]) -> Iterator[Note]:
    count = metrics.get("accuracy/nonfinite")
    if count is not None and count.value:
        text = f"{count.value:.0f} of {count.n} output elements are NaN or Inf"
        yield Note(NoteKind.NONFINITE, text)


def _outputs(facts: Facts) -> Iterator[Note]:
    """Return what is wrong with outputs and inputs: drift, no repetition, NaN, a batch that is none."""
    seen = facts.observations[0].outputs if facts.observations else {}
    largest = variation(seen)
    if largest is not None:
        yield Note(NoteKind.VARIES, varies(largest))
    for item in output_drift(facts):
        if item.close is False:
            text = f"{item.output}: {item.reason}, against the {facts.reference_kind}"
            yield Note(NoteKind.DRIFT, text, "outputs drift")
    axis = batch_axis(facts)
    if axis.mixes:
        yield Note(NoteKind.MIXED_BATCH, axis.mixes, MIXES)
    elif axis.unknown:
        given = "samples a second, as batch_dim says" if counts_samples(facts) else "calls a second"
        yield Note(NoteKind.UNCHECKED_BATCH, f"{axis.unknown}; {given}", UNKNOWN)
    for name, (bad, of) in (seen.get("nonfinite_inputs") or {}).items():
        text = f"{bad} of {of} elements of {name} are NaN or Inf"
        yield Note(NoteKind.BAD_INPUTS, text, "inputs are NaN")


def _narrow(facts: Facts) -> Iterator[Note]:
    """Say which inputs hold 0 and 1 alone, because nothing bounds them: they exercise little."""
    fed = {**(facts.observations[0].session.get("input_shapes") or {})} if facts.observations else {}
    names = [
        item.name
        for item in facts.built.inputs
        if facts.random_inputs and item.is_unbounded and math.prod(fed.get(item.name, ())) > 1
    ]
    if names:
        example = f"{names[0]}: {{low: 0, high: 256}}"
        text = f"nothing bounds {', '.join(names)}; name data, or say inputs: {{{example}}}"
        yield Note(NoteKind.NARROW_INPUTS, text, "inputs are 0 and 1")


def _random(facts: Facts, metrics: dict[str, Metric]) -> Iterator[Note]:
    """Note where random numbers take the place of data."""
    if facts.built.provenance.get("random_calibration"):
        text = "INT8 ranges are those of random numbers; name data to calibrate on"
        yield Note(NoteKind.RANDOM_CALIBRATION, text, "random calibration")
    agreement = metrics.get("accuracy/agreement")
    lost = agreement is not None and agreement.value is not None and agreement.value < 1
    if lost and facts.random_inputs:
        text = "agreement is on random numbers; on real data it may be another"
        yield Note(NoteKind.RANDOM_INPUTS, text, "random inputs")
