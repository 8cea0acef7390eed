"""Keep records: a journal while a run lasts, one sealed file after, queries over all of them.

A results folder::

    runs/<run>/run.json        what was asked, where and when (`Header`)
    runs/<run>/journal.jsonl   a record a line, while the run is unfinished
    runs/<run>/run.parquet     the same records, once sealed; never changed again
    anchors.json               which runs later ones are compared with
    profiles/<id>.json         where the time of a case goes, as `harness profile` found it
"""

from harness.store.files import check_writable
from harness.store.find import Anchor, anchor, anchors, clear_anchor, find_run, previous, set_anchor
from harness.store.header import Header, RunInfo, plan_hash, runs
from harness.store.journal import Journal, new_run, open_run, resume
from harness.store.merge import Merged, merge
from harness.store.profiles import read_profile, write_profile
from harness.store.query import durations, latest_and_anchor, outlines, records, series

__all__ = [
    "Anchor",
    "Header",
    "Journal",
    "Merged",
    "RunInfo",
    "anchor",
    "anchors",
    "check_writable",
    "clear_anchor",
    "durations",
    "find_run",
    "latest_and_anchor",
    "merge",
    "new_run",
    "open_run",
    "outlines",
    "plan_hash",
    "previous",
    "read_profile",
    "records",
    "resume",
    "runs",
    "series",
    "set_anchor",
    "write_profile",
]
