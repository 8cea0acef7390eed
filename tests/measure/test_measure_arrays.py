"""The arrays within what a model gives: tensors, sequences, maps and optionals."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.measure.worker.arrays import MAX_PARTS, as_arrays
from harness.measure.worker.evaluate import evaluate

ONE, TWO = np.ones((2, 1), np.float32), np.full((2, 3), 2, np.float32)


def test_a_sequence_gives_its_tensors_by_place() -> None:
    found = as_arrays("y", [ONE, TWO])
    assert list(found) == ["y[0]", "y[1]"]
    assert found["y[0]"] is ONE
    assert found["y[1]"] is TWO


def test_a_long_sequence_is_kept_as_all_of_its_elements() -> None:
    found = as_arrays("y", [ONE] * (MAX_PARTS + 1))
    assert list(found) == ["y"]
    assert np.asarray(found["y"]).shape == (2 * (MAX_PARTS + 1),)


def test_maps_of_a_classifier_are_a_row_each_by_sorted_key() -> None:
    found = as_arrays("p", [{1: 0.25, 0: 0.75}, {0: 0.5, 1: 0.5}])
    assert np.asarray(found["p"]).tolist() == [[0.75, 0.25], [0.5, 0.5]]
    assert np.asarray(as_arrays("p", {"b": 2.0, "a": 1.0})["p"]).tolist() == [1.0, 2.0]
    assert as_arrays("p", [{0: 1.0}, {1: 1.0}]) == {"p": "maps of unlike keys"}


def test_what_holds_no_tensor_says_so() -> None:
    assert as_arrays("o", None) == {"o": "an optional without a value"}
    assert as_arrays("s", []) == {"s": "a sequence without elements"}
    assert as_arrays("o", object()) == {"o": "not a tensor but a object"}


def test_text_is_kept_as_text() -> None:
    assert np.asarray(as_arrays("t", np.array(["a"], object))["t"]).dtype.kind == "U"
    assert np.asarray(as_arrays("t", ["a", "b"])["t"]).tolist() == ["a", "b"]


def test_a_sequence_whose_length_changes_is_compared_where_it_is_always_there(tmp_path: Path) -> None:
    lengths = iter([2, 1, 2, 2])

    def answer(feed: dict[str, np.ndarray]) -> dict[str, np.ndarray | str]:
        return as_arrays("y", [ONE] * next(lengths))

    feeds = [{"x": ONE}, {"x": ONE}]
    part = evaluate(answer, feeds, 2, 4, tmp_path / "o.npz")
    assert part["names"] == ["y[0]"]
    assert part["unavailable"] == {"y[1]": "not in every call"}
