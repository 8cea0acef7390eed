"""What a user's function returns, as the process of a tool reads it; no tool is needed for that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import make_model, value
from onnx import helper

from harness.build.converters import Takes
from harness.build.converters.main import on_rows, read
from harness.build.converters.tracing import name_batch
from harness.core.errors import Failed

ROWS = np.array([[0.1, 1.0], [0.2, 2.0], [0.3, 3.0]])


def example(inputs: Any, takes: Takes, labels: Any = None) -> Any:
    return read("fit.py:f", "sklearn", (object(), inputs, labels), takes)


def test_the_original_answers_the_values_that_the_file_gets_in_its_own_type() -> None:
    found = example(ROWS, Takes.MATRIX)
    assert found.given.dtype == np.float64
    assert found.rows["x"].dtype == np.float32
    assert (found.given == found.rows["x"]).all() and found.given[0, 0] != 0.1


def test_a_table_is_an_input_a_column_or_one_matrix() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": ROWS[:, 0], "b": [1, 2, 3]})
    columns = example(table, Takes.COLUMNS)
    assert {name: (value.dtype.name, value.shape) for name, value in columns.rows.items()} == {
        "a": ("float32", (3, 1)),
        "b": ("int64", (3, 1)),
    }
    matrix = example(table, Takes.MATRIX)
    assert matrix.rows["x"].shape == (3, 2)
    assert list(matrix.given.dtypes) == list(table.dtypes)
    assert matrix.given["a"][0] == np.float32(0.1)


def test_rows_of_a_suite_come_as_the_table_that_the_original_takes(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    np.savez(tmp_path / "rows.npz", x=ROWS[:2], y=[0, 1])
    table = pandas.DataFrame({"a": ROWS[:, 0], "b": [1, 2, 3]})
    found = on_rows(example(table, Takes.MATRIX), tmp_path / "rows.npz", Takes.MATRIX)
    assert list(found.given.columns) == ["a", "b"] and len(found.given) == 2
    assert found.given["b"].tolist() == [1, 2]
    np.savez(tmp_path / "columns.npz", a=ROWS[:2, :1], b=[[7], [8]])
    found = on_rows(example(table, Takes.COLUMNS), tmp_path / "columns.npz", Takes.COLUMNS)
    assert found.given["b"].tolist() == [7, 8] and found.rows["b"].dtype == np.int64


def test_tensors_keep_their_types_but_doubles() -> None:
    arrays = {"ids": np.ones((3, 5), np.int32), "mask": np.ones((3, 5), bool), "x": ROWS}
    found = example(arrays, Takes.TENSORS)
    assert [value.dtype.name for value in found.rows.values()] == ["int32", "bool", "float32"]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (None, "must return (model, inputs) or (model, inputs, labels), got NoneType"),
        (("m",), "got tuple"),
        ((None, ROWS), "the model is None"),
        (("m", None), "the inputs is None"),
        ({"model": "m", "input": ROWS}, "a mapping of model, inputs, labels; got 'input'"),
        (("m", ROWS[:1]), "two at least; got x: 1"),
        (("m", ROWS, [0, 1]), "all of as many rows, two at least; got x: 3, y: 2"),
        (("m", 3.0), "input 'x' is float64 of shape ()"),
        (("m", [[1j], [2j]]), "input 'x' is complex128 of shape (2, 1)"),
        (("m", ROWS[:, 0]), "it takes one matrix of numbers, got 1 arrays"),
        (("m", [[1.0], [2.0, 3.0]]), "the inputs are no arrays"),
        (("m", [["a"], ["b"]]), "it takes one matrix of numbers"),
    ],
)
def test_nonsense_is_one_line(made: Any, reason: str) -> None:
    with pytest.raises(Failed) as failed:
        read("fit.py:f", "xgboost", made, Takes.MATRIX)
    assert reason in str(failed.value) and "\n" not in str(failed.value)


def test_the_batch_has_one_name_in_all_that_a_tracer_names_apart() -> None:
    nodes = [helper.make_node("MatMul", ["a", "b"], ["y"]), helper.make_node("ReduceSum", ["y"], ["all"])]
    inputs = [value("a", ["unk__6", 4]), value("b", ["unk__7", 3])]
    model = make_model(nodes, inputs, [value("y", ["unk__8", 3]), value("all", ["unk__9"])])
    name_batch(model, {"y": np.zeros((16, 3)), "all": np.zeros(2)}, 16)
    ends = (*model.graph.input, *model.graph.output)
    assert [item.type.tensor_type.shape.dim[0].dim_param for item in ends] == ["batch"] * 3 + ["unk__9"]
