"""Names are looked up lazily, and an unknown one is answered with the closest."""

import pytest

from harness.errors import NotFoundError
from harness.tables import Table, closest

TABLE = Table("source", {"onnx": "json:dumps", "zoo": "no.such.module:f"})


def test_a_name_resolves_to_what_it_stands_for() -> None:
    import json

    assert TABLE.resolve("onnx") is json.dumps


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    assert list(TABLE) == ["onnx", "zoo"]
    with pytest.raises(ModuleNotFoundError):
        TABLE.resolve("zoo")


def test_an_unknown_name_is_answered_with_the_closest_and_the_list() -> None:
    with pytest.raises(NotFoundError, match="unknown source 'onx': did you mean 'onnx'\\? known: onnx, zoo"):
        TABLE.resolve("onx")


def test_a_name_like_no_other_is_answered_with_the_list() -> None:
    assert closest("xyzzy", ["b", "a"]) == "known: a, b"
