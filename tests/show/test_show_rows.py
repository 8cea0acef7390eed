"""Rows in four views."""

import json

import pytest

from harness.show.rows import render_rows

ROWS = [{"name": "a|b", "size": 12}, {"name": "c", "size": None}]


@pytest.mark.parametrize(
    ("view", "text"),
    [
        ("table", "name  size\na|b   12\nc"),
        ("markdown", "| name | size |\n| --- | --- |\n| a\\|b | 12 |\n| c |  |"),
        ("csv", "name,size\r\na|b,12\r\nc,"),
    ],
)
def test_rows_read_the_same_in_every_view(view: str, text: str) -> None:
    assert render_rows(ROWS, view) == text
    assert render_rows([], view) == ""


@pytest.mark.parametrize(
    ("view", "text"),
    [
        ("table", "name\n=<b>\\x1b\\n"),
        ("markdown", "| name |\n| --- |\n| =&lt;b&gt;\\\\x1b\\\\n |"),
        ("csv", "name\r\n'=<b>\\x1b\\n"),
    ],
)
def test_hostile_cells_stay_text(view: str, text: str) -> None:
    assert render_rows([{"name": "=<b>\x1b\n"}], view) == text


def test_a_negative_number_is_no_formula() -> None:
    assert render_rows([{"delta": -0.5}], "csv") == "delta\r\n-0.5"


def test_json_keeps_the_values() -> None:
    assert json.loads(render_rows(ROWS, "json")) == ROWS
    assert render_rows([], "json") == "[]"
