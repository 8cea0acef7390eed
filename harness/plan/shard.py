"""Cut a plan into shards that several jobs measure, each of its own."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from harness.core.case import Artifact
from harness.core.errors import InputError
from harness.core.suite import Plan


def parse_shard(text: str) -> tuple[int, int]:
    """Read ``i/n``, the i-th of n shards, counted from 1. Raises InputError."""
    match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    index, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= count:
        raise InputError(f"--shard {text}: expected I/N with I from 1 to N, such as 1/4")
    return index, count


def shard(plan: Plan, index: int, count: int) -> Plan:
    """Keep the `index`-th of `count` shards of `plan`, in the order of the plan.

    All cases of an artifact are in one shard, so that one job builds it. Each
    artifact in turn goes where the fewest cases are: the same plan is always
    cut alike. Raises InputError where there are fewer artifacts than shards.
    """
    cases = Counter(case.artifact for case in plan.cases)
    cases.update({skip.case.artifact: 0 for skip in plan.skips})
    loads = [0] * count
    places: dict[Artifact, int] = {}
    for artifact, number in cases.items():
        places[artifact] = loads.index(min(loads))
        loads[places[artifact]] += number
    if not loads[index - 1]:
        files = sum(number > 0 for number in cases.values())
        raise InputError(f"--shard {index}/{count}: nothing is left for it: the plan has {files} model files")
    return replace(
        plan,
        cases=tuple(case for case in plan.cases if places[case.artifact] == index - 1),
        skips=tuple(skip for skip in plan.skips if places[skip.case.artifact] == index - 1),
    )
