"""Shards: every case once, all cases of a model file together, the same parts every time."""

from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness.core.errors import InputError
from harness.core.suite import Plan
from harness.plan import parse_shard, plan, shard

NIGHTLY = Path(harness.__file__).parent.parent / "suites" / "nightly.yaml"


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_case_and_skip_is_in_one_shard_in_plan_order(count: int) -> None:
    whole = plan(NIGHTLY)
    parts = [shard(whole, index, count) for index in range(1, count + 1)]
    for kind in ("cases", "skips"):
        order = [repr(item) for item in getattr(whole, kind)]
        found = [[order.index(repr(item)) for item in getattr(part, kind)] for part in parts]
        assert sorted(place for part in found for place in part) == list(range(len(order)))
        assert all(part == sorted(part) for part in found)


def test_a_model_file_is_built_by_one_shard_only() -> None:
    whole = plan(NIGHTLY)
    owners = [{case.artifact for case in shard(whole, index, 4).cases} for index in (1, 2, 3, 4)]
    assert sum(map(len, owners)) == len({case.artifact for case in whole.cases})


def test_shards_are_of_like_size() -> None:
    whole = plan(NIGHTLY)
    sizes = [len(shard(whole, index, 4).cases) for index in (1, 2, 3, 4)]
    most = max(
        sum(case.artifact == artifact for case in whole.cases)
        for artifact in {case.artifact for case in whole.cases}
    )
    assert sum(sizes) == len(whole.cases)
    assert max(sizes) - min(sizes) <= most


def test_each_artifact_in_turn_goes_where_the_fewest_cases_are(planned: Callable[..., Plan]) -> None:
    whole = planned(
        "models: {m: {source: {zoo: squeezenet}}}\n"
        "axes: {opset: [13, 14, 15], batch: [1, 2]}\n"
        "skip: [{when: {opset: 14, batch: 1}, because: why}]\n"
    )
    keys = [[case.key for case in shard(whole, index, 2).cases] for index in (1, 2)]
    assert keys == [
        ["m/opset=13", "m/opset=13/batch=2"],
        ["m/opset=14/batch=2", "m/opset=15", "m/opset=15/batch=2"],
    ]
    assert [len(shard(whole, index, 2).skips) for index in (1, 2)] == [0, 1]


def test_a_shard_without_a_case_says_how_many_model_files_there_are(planned: Callable[..., Plan]) -> None:
    whole = planned("models: {m: {source: {zoo: squeezenet}}}\naxes: {opset: [13, 14]}\n")
    with pytest.raises(InputError, match=r"^--shard 3/3: nothing is left for it: the plan has 2 model"):
        shard(whole, 3, 3)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", "1/2/3", " 1/2", "", "1/99999"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^--shard .*: expected I/N with I from 1 to N, such as 1/4$"):
        parse_shard(text)


def test_a_shard_is_read() -> None:
    assert parse_shard("2/4") == (2, 4)
