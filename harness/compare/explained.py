"""Say what slowdowns are due to, that an A/B has shown: of which pairs, and what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.ab.model import Pair
from harness.core.decision import Blame, Change, Decision
from harness.explain.model import Explanations, TimeExplanation

CASE_S = 90.0
"""What the explanation of one case may take: profiles, and an A/B of three regions."""

LATENCY = "latency/p50"
NO_TIME = "the time for A/Bs leaves none to explain it (harness explain does)"
NO_REGION = "no region of it is shown to be slower"


def slower(pairs: Sequence[Pair], decisions: Mapping[tuple[str, str], Decision]) -> list[Pair]:
    """Return the pairs whose calls were shown to be slower, and that have a graph to look into."""
    return [
        pair
        for pair in pairs
        if (found := decisions.get((pair.name, LATENCY))) is not None
        and found.verdict is Change.REGRESSION
        and pair.head.artifact.model.source.kind != "fake"
    ]


def blames(found: Explanations[TimeExplanation]) -> tuple[tuple[Blame, ...], dict[str, str]]:
    """Return the regions that are to blame, and the cases that have none, each with the reason."""
    blamed, without = [], dict(found.missing)
    for one in found.found:
        due = [region for region in one.blamed if region.proof and region.proof.slower]
        if not due:
            without[one.case] = NO_REGION
        blamed += [
            Blame(
                case=one.case,
                base_runtime=one.base.get("runtime", ""),
                head_runtime=one.head.get("runtime", ""),
                region=region.name,
                base_ops=region.base.ops,
                head_ops=region.head.ops,
                decision=region.proof.latency,
                instructions_ratio=region.proof.instructions_ratio,
            )
            for region in due
            if region.proof is not None and region.proof.latency is not None
        ]
    return tuple(blamed), without
