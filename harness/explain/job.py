"""Explain the pairs of two arms, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic

from harness import measure
from harness.ab.model import Pairing
from harness.build.scratch import scratch
from harness.core.errors import CaseError
from harness.core.listener import Listener
from harness.core.sampling import Sampling
from harness.core.suite import Suite
from harness.explain.model import Explanations, OutputsExplanation
from harness.explain.outputs import MEMORY_BYTES, SAMPLES, explain_outputs
from harness.run.bench import OpenBench, open_arms
from harness.run.inputs import check_inputs

FEW = Sampling(warmup_calls=1, warmup_s=0.0, calls=1)
"""What is timed where nothing is timed."""


def outputs(
    pairing: Pairing,
    suite: Suite,
    cache_dir: Path,
    *,
    base: Mapping[str, str] | None = None,
    head: Mapping[str, str] | None = None,
    samples: int = SAMPLES,
    budget_s: float = 60.0,
    memory_bytes: int = MEMORY_BYTES,
    listener: Listener | None = None,
    opening: OpenBench = open_arms,
    clock: Callable[[], float] = monotonic,
) -> Explanations:
    """Find the first tensor beyond the tolerance in every pair; `budget_s` is for each.

    Ctrl-C ends it: what was found is kept. Raises InputError where data is wrong, StoreError.
    """
    check_inputs(case for pair in pairing.pairs for case in (pair.base, pair.head))
    listener = listener or Listener()
    found: list[OutputsExplanation] = []
    missing: dict[str, str] = {}
    interrupted = False
    with scratch() as work:
        bench = opening(replace(suite, sampling=FEW), cache_dir, work, measure.describe_machine())
        for number, pair in enumerate(pairing.pairs, 1):
            listener.start_stage("tensors", pair.name, number, len(pairing.pairs))
            ends = clock() + budget_s
            try:
                one = explain_outputs(
                    bench,
                    pair,
                    base or {},
                    head or {},
                    work / f"pair-{number}",
                    samples=samples,
                    memory_bytes=memory_bytes,
                    until=lambda ends=ends: clock() >= ends,  # type: ignore[misc]
                )
                found.append(one)
                outcome = f"first beyond the tolerance: {one.first.tensor}" if one.first else "none beyond"
            except CaseError as error:
                missing[pair.name] = outcome = str(error)
            except KeyboardInterrupt:
                interrupted = True
                missing[pair.name] = "interrupted"
                break
            listener.end_stage(outcome, 0.0)
    return Explanations(tuple(found), missing, interrupted)
