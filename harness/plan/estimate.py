"""Say beforehand what a plan comes to: cases, artifacts, skips, time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.core.case import FP32, Artifact, Case
from harness.core.passes import BY_NAME, chosen, repeated
from harness.core.sampling import Sampling
from harness.core.suite import Measure, Plan, Suite
from harness.plan.gated import gated_sampling, raising

# Seconds, as measured on two cores of a shared machine.
ARTIFACT_S = 1.5  # to build an artifact
EXPORT_S = 6.0  # to build one from torch, most of it torch's own start
PROCESS_S = 0.5  # to start a worker, make its session and end it
CALL_S = 5e-3  # a call, where sampling counts calls


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a plan comes to."""

    cases: int
    artifacts_to_build: int  # distinct ones, the FP32 references that accuracy is compared with included
    skips: Mapping[str, int]  # reason -> cells
    seconds: float
    gated: tuple[GatedCalls, ...] = ()  # the fewest calls first


@dataclass(frozen=True, slots=True)
class GatedCalls:
    """What the calls cost that gates of percentiles take, in all cases that time the same number of them."""

    calls: int  # of a process
    cases: int
    seconds: float  # more than without the gates, part of `Estimate.seconds`


def estimate(plan: Plan, known: Mapping[str, float] | None = None) -> Estimate:
    """Count a plan's cases and artifacts, and estimate how long it takes.

    `known` maps case keys to their durations (s) in earlier runs; the
    artifacts of such cases are taken to be in the cache.
    """
    known = known or {}
    durations = [known.get(case.key) for case in plan.cases] if known else [None] * len(plan.cases)
    fresh = [case for case, duration in zip(plan.cases, durations, strict=True) if duration is None]
    return Estimate(
        cases=len(plan.cases),
        artifacts_to_build=len(_artifacts(plan.cases, plan.suite.measure)),
        skips=Counter(skip.because for skip in plan.skips),
        seconds=sum(duration for duration in durations if duration is not None)
        + _cases_s(plan.suite, fresh)
        + sum(map(_build_s, _artifacts(fresh, plan.suite.measure))),
        gated=_gated(plan.suite, plan.cases),
    )


def _samplings(suite: Suite, cases: Sequence[Case]) -> Counter[Sampling]:
    """Count `cases` by how they are sampled: a gate may ask more calls of some."""
    gates = raising(suite.gates, suite.sampling)
    if not gates:
        return Counter({suite.sampling: len(cases)})
    return Counter(gated_sampling(suite.sampling, gates, case) for case in cases)


def _gated(suite: Suite, cases: Sequence[Case]) -> tuple[GatedCalls, ...]:
    """Return what the gates of percentiles add to `cases`, by the calls that they time."""
    plain = suite.sampling
    return tuple(
        GatedCalls(
            sampling.min_calls,
            number,
            number * (_case_s(sampling, suite.measure) - _case_s(plain, suite.measure)),
        )
        for sampling, number in sorted(_samplings(suite, cases).items(), key=lambda item: item[0].min_calls)
        if sampling != plain
    )


def _cases_s(suite: Suite, cases: Sequence[Case]) -> float:
    """Estimate cases, those that a gate asks more calls of with these."""
    found = _samplings(suite, cases)
    return sum(number * _case_s(sampling, suite.measure) for sampling, number in found.items())


def _artifacts(cases: Sequence[Case], measure: Measure) -> set[Artifact]:
    """Give the distinct artifacts of `cases`, and those that they are compared with."""
    artifacts = set({id(case.artifact): case.artifact for case in cases}.values())  # hashed once each
    if measure.wants("accuracy"):
        artifacts |= {replace(artifact, precision=FP32, format="onnx") for artifact in artifacts}
    return artifacts


def _build_s(artifact: Artifact) -> float:
    is_export = artifact.model.source.kind == "torch" and artifact.precision == FP32
    return EXPORT_S if is_export else ARTIFACT_S


def _case_s(sampling: Sampling, measure: Measure) -> float:
    """Estimate a case: its processes, warm-up, timed stretch and other passes."""
    ends = [sampling.max_seconds]
    if sampling.seconds is not None:
        ends.append(sampling.seconds)
    if sampling.calls is not None:
        ends.append(sampling.calls * CALL_S)
    least_s = sampling.min_calls * CALL_S
    timed_s = max(min(ends), min(least_s, sampling.max_seconds))
    warmup_s = max(sampling.warmup_s, sampling.warmup_calls * CALL_S)
    first = chosen(measure.passes)
    more = (sampling.processes - 1) * sum(BY_NAME[name].cost_s for name in repeated(first))
    passes_s = sum(BY_NAME[name].cost_s for name in first) + more
    return sampling.processes * (PROCESS_S + warmup_s + timed_s) + passes_s
