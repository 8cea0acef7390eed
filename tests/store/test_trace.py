import json
import math

import pytest
from limits import files_up_to

from harness.core.errors import StoreError
from harness.store.trace import Trace


def read(trace):
    lines = [json.loads(line) for line in trace.path.read_text().splitlines()]
    assert all(len(line.pop("check")) == 16 for line in lines)
    return lines


def test_facts_are_lines_in_order_and_on_disk_at_once(tmp_path):
    with Trace(tmp_path / "ab") as trace:
        trace.append({"first": [1, 2]})
        assert read(trace) == [{"first": [1, 2]}]
        trace.append({"second": "ä\n"})
        assert read(trace) == [{"first": [1, 2]}, {"second": "ä\n"}]
    assert trace.path == tmp_path / "ab" / f"{trace.id}.jsonl"


def test_a_number_that_is_not_finite_is_null(tmp_path):
    with Trace(tmp_path) as trace:
        trace.append({"values": [1.0, math.nan, math.inf]})
        assert read(trace) == [{"values": [1.0, None, None]}]


def test_every_job_has_a_file_of_its_own(tmp_path):
    with Trace(tmp_path) as one, Trace(tmp_path) as two:
        assert one.path != two.path
        assert sorted([one.id[:4], two.id[:4]])[0].isdigit()


def test_a_torn_line_is_replaced_by_the_next_one(tmp_path):
    with Trace(tmp_path) as trace:
        trace.append({"n": 1})
        with trace.path.open("ab") as file:
            file.write(b'{"n": 2, "samp')
        trace.append({"n": 3})
        assert read(trace) == [{"n": 1}, {"n": 3}]


def test_a_file_that_may_not_grow_is_said_and_earlier_lines_stay(tmp_path):
    with Trace(tmp_path) as trace:
        trace.append({"n": 1})
        with files_up_to(trace.path.stat().st_size + 3), pytest.raises(StoreError, match="File too large"):
            trace.append({"n": 2})
        trace.append({"n": 3})
        assert read(trace) == [{"n": 1}, {"n": 3}]


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        Trace(tmp_path / "file" / "ab")
