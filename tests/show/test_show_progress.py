"""Progress says where a run is, redraws only between cases, and estimates the rest."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.core.record import Record, Status
from harness.show.progress import Progress

MakeRecord = Callable[..., Record]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def running(total: int, finished: int = 0, **how: Any) -> Iterator[Progress]:
    progress = Progress(**how)
    progress.start_run(total, finished)
    yield progress
    progress.end_run()


def measured(make_record: MakeRecord, duration_s: float = 10.0) -> Record:
    return make_record("digits", batch=32, metrics={"latency/p50": 0.00123}, duration_s=duration_s)


def test_lines_name_the_case_its_number_how_it_ended_and_the_rest(make_record: MakeRecord) -> None:
    stream = io.StringIO()
    with running(12, 9, estimate_s=240.0, stream=stream) as progress:
        for record in (
            measured(make_record, 10.0),
            make_record("digits", Status.CRASHED, "the worker died of SIGSEGV", duration_s=3.0),
            make_record("<b>\x1b[1m", Status.UNSUPPORTED, "no\nway"),
        ):
            progress.start_case(record.case)
            progress.end_case(record)
    assert stream.getvalue().splitlines() == [
        "[10/12] digits/batch=32  1.23 ms p50  ok  (eta 30 s)",
        "[11/12] digits  crashed: the worker died of SIGSEGV  (eta 11 s)",
        r"[12/12] <b>\x1b[1m  unsupported: no\nway",
    ]


def test_without_an_estimate_the_rest_is_estimated_from_what_was_measured(make_record: MakeRecord) -> None:
    stream = io.StringIO()
    with running(3, stream=stream) as progress:
        progress.end_case(measured(make_record, 10.0))
        progress.end_case(measured(make_record, 20.0))
    assert stream.getvalue().splitlines() == [
        "[1/3] digits/batch=32  1.23 ms p50  ok  (eta 20 s)",
        "[2/3] digits/batch=32  1.23 ms p50  ok  (eta 15 s)",
    ]


def test_a_terminal_gets_a_bar_and_lines_for_what_went_wrong(
    make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")  # a dumb one gets no bar
    stream = Terminal()
    with running(3, estimate_s=30.0, stream=stream) as progress:
        progress.start_case("digits/batch=32")
        assert "0/3" in stream.getvalue()
        assert "digits/batch=32  (eta 30 s)" in stream.getvalue()
        progress.end_case(measured(make_record))
        assert "1/3" in stream.getvalue()
        assert " ok" not in stream.getvalue()
        progress.end_case(make_record("[red]", Status.TIMEOUT, "no answer within 300 s"))
        assert "[2/3] [red]  timeout: no answer within 300 s" in stream.getvalue()


def test_nothing_runs_while_a_case_is_measured() -> None:
    stream = Terminal()
    with running(3, stream=stream) as progress:
        progress.start_case("digits")
        drawn = stream.getvalue()
        assert threading.active_count() == 1
        assert stream.getvalue() == drawn
