import numpy as np

from harness.measure.worker.evaluate import evaluate as run_all


def batches(*arrays):
    return [{"x": array} for array in arrays]


def test_outputs_are_joined_and_their_padding_cut_off(tmp_path):
    def run(feed):
        return {"y": feed["x"] * 2}

    part = run_all(run, batches(np.arange(3), np.arange(3, 6)), 3, 5, tmp_path / "o.npz")
    assert part == {
        "file": str(tmp_path / "o.npz"),
        "names": ["y"],
        "rows": 5,
        "batch": 3,
        "per_call": [],
        "unavailable": {},
        "repeat": {"calls": 3, "equal": True, "max_abs_diff": {}},
        "alone": {},
        "nonfinite_inputs": {},
    }
    with np.load(tmp_path / "o.npz") as arrays:
        assert arrays["0"].tolist() == [0, 2, 4, 6, 8]


def test_outputs_of_unlike_kinds_keep_their_order(tmp_path):
    def run(feed):
        names = {"text": np.array(["a", "b"]), "map": "not a tensor but a list", "sum": feed["x"].sum()}
        return {name: np.asarray(item) if name == "sum" else item for name, item in names.items()}

    part = run_all(run, batches(np.arange(2), np.arange(2)), 2, 4, tmp_path / "o.npz")
    assert part["names"] == ["text", "sum"]
    assert part["unavailable"] == {"map": "not a tensor but a list"}
    assert part["per_call"] == ["sum"]
    with np.load(tmp_path / "o.npz") as arrays:
        assert arrays["0"].tolist() == ["a", "b", "a", "b"]
        assert arrays["1"].tolist() == [[1], [1]]


def test_outputs_whose_other_axes_vary_by_call_are_kept_a_call_at_a_time(tmp_path):
    """A detector's boxes, [1, k, 4], and the coordinates [2, n] of what is not zero at a batch of 2."""

    def run(feed):
        return {"boxes": np.ones((2, feed["x"].max(), 4)), "found": np.stack(np.nonzero(feed["x"][None]))}

    part = run_all(run, batches(np.array([0, 1]), np.array([3, 2])), 2, 4, tmp_path / "o.npz")
    assert part["names"] == part["per_call"] == ["boxes", "found"]
    with np.load(tmp_path / "o.npz") as arrays:
        assert arrays["0"].tolist() == [1] * (2 * 1 * 4 + 2 * 3 * 4)
        assert arrays["1"].tolist() == [0, 1, 0, 0, 0, 1]


def test_outputs_too_large_to_keep_end_early_at_the_same_row_for_every_type(tmp_path):
    rows = [
        run_all(
            lambda feed, dtype=dtype: {"y": np.ones((2, 5), dtype)},
            batches(*[0] * 9),
            2,
            18,
            tmp_path / "o.npz",
            max_values=20,
        )
        for dtype in (np.float32, np.float16)
    ]
    assert [part["rows"] for part in rows] == [4, 4]
