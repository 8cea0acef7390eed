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
        ("csv", "name,size\na|b,12\nc,"),
    ],
)
def test_rows_read_the_same_in_every_view(view: str, text: str) -> None:
    assert render_rows(ROWS, view) == text
    assert render_rows([], view) == ""


def test_json_keeps_the_values() -> None:
    assert json.loads(render_rows(ROWS, "json")) == ROWS
    assert render_rows([], "json") == "[]"
