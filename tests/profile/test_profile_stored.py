"""What is kept of a profile, and of which case it is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from nights import cell, profiled

from harness.core.record import Record
from harness.profile.stored import StoredProfile, identity_of


@pytest.fixture
def record() -> Record:
    made = cell("net", 1e-3, {"precision": "int8_static"})
    session = {"graph_opt": "all", "runtime": "1.32.0", "alias": "latest"}
    return replace(
        made, artifact={"sha256": "ab"}, asked={**made.asked, "session": session, "load": {"batch": 1}}
    )


def test_a_profile_is_read_back_as_it_was_kept(record: Record) -> None:
    found = profiled(record)
    assert StoredProfile.from_json(json.loads(json.dumps(found.to_json()))) == found
    bare = replace(found, roofs=None)
    assert StoredProfile.from_json(json.loads(json.dumps(bare.to_json()))) == bare
    assert found.nodes_s == pytest.approx(record.metrics["latency/p50"].value)


def test_a_runtime_by_another_name_is_the_same(record: Record) -> None:
    session = {**record.asked["session"], "runtime": "current", "alias": ""}
    assert identity_of(replace(record, asked={**record.asked, "session": session})) == identity_of(record)


@pytest.mark.parametrize(
    "other",
    [
        {"artifact": {"sha256": "cd"}},
        {"machine": "another"},
        {"effective": {"runtime": {"version": "1.31.0"}, "session": {"cores": [0]}}},
        {"effective": {"runtime": {"version": "1.32.0"}, "session": {"cores": [0, 1]}}},
        {"asked": {"session": {"graph_opt": "basic"}, "load": {"batch": 1}}},
        {"asked": {"session": {"graph_opt": "all"}, "load": {"batch": 2}}},
    ],
)  # fmt: skip
def test_another_file_machine_runtime_or_setting_is_another_case(
    record: Record, other: dict[str, object]
) -> None:
    assert identity_of(replace(record, **other)) not in (None, identity_of(record))  # type: ignore[arg-type]


@pytest.mark.parametrize("lacks", ["artifact", "effective", "asked"])
def test_a_case_that_never_ran_has_no_profile(record: Record, lacks: str) -> None:
    assert identity_of(replace(record, **{lacks: {}})) is None  # type: ignore[arg-type]
