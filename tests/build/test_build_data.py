"""Data: split once, by content, and every mistake in it named."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from limits import files_up_to

from harness.build import identify_data, load_data, load_labels
from harness.build.catalogue import digits
from harness.build.data import read
from harness.core.artifact import Built
from harness.core.case import DataRef
from harness.core.errors import Failed, InputError
from harness.core.inputs import Input

Write = Callable[..., DataRef]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write arrays to an .npz and refer to it."""

    def save(calibration: int = 128, **arrays: Any) -> DataRef:
        path = tmp_path / "mine.npz"
        np.savez(path, **arrays)
        return DataRef("npz", str(path), calibration)

    return save


def taking(*inputs: str) -> Built:
    """A model of these inputs."""
    taken = tuple(Input(name, "float32", ("N",)) for name in inputs)
    return Built("net.onnx", "00", 4096, 17, "fp32", {}, taken, ("z",))


def load(path: str) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def test_the_digits_are_scikit_learns() -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn to compare with")
    bunch = datasets.load_digits()
    arrays = load(str(digits.PATH))
    assert np.array_equal(arrays["x"], bunch.images)
    assert np.array_equal(arrays["y"], bunch.target)
    assert digits.PATH.stat().st_size < 60_000


def test_writing_the_digits_again_gives_the_same_arrays(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn to write from")
    digits.write(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == digits.PATH.read_bytes()


def test_no_digit_is_in_two_parts() -> None:
    parts = digits.parts_of({"x": np.arange(1797)[:, None, None] * 16.0, "y": np.arange(1797)})
    rows = [set(part["y"].tolist()) for part in parts.values()]
    assert [len(part) for part in rows] == [1000, 200, 597]
    assert len(set.union(*rows)) == 1797


def test_the_digits_are_ready_to_feed(tmp_path: Path) -> None:
    data = load_data(DataRef("catalogue", "digits"), tmp_path)
    evaluation, calibration = load(data.evaluation), load(data.calibration)
    assert (data.name, data.samples, data.labelled) == ("digits", 597, True)
    assert (evaluation["x"].shape, evaluation["x"].dtype) == ((597, 1, 8, 8), np.float32)
    assert (evaluation["x"].min(), evaluation["x"].max()) == (0, 1)
    assert (evaluation["y"].shape, evaluation["y"].dtype) == ((597,), np.int64)
    assert len(calibration["x"]) == 128
    assert np.bincount(evaluation["y"]).min() > 40  # all ten digits, none of them rare


def test_the_evaluation_part_is_the_same_however_many_are_calibrated_on(tmp_path: Path) -> None:
    few, all_of_them = (load_data(DataRef("catalogue", "digits", n), tmp_path) for n in (16, 1000))
    assert np.array_equal(load(few.evaluation)["x"], load(all_of_them.evaluation)["x"])
    assert [len(load(data.calibration)["x"]) for data in (few, all_of_them)] == [16, 200]
    assert few.sha256 != all_of_them.sha256


def test_no_sample_is_both_calibrated_on_and_evaluated(write: Write, tmp_path: Path) -> None:
    data = load_data(write(10, x=np.arange(100.0), y=np.arange(100)), tmp_path / "cache")
    calibration, evaluation = load(data.calibration), load(data.evaluation)
    assert (len(calibration["x"]), len(evaluation["x"]), data.samples) == (10, 90, 90)
    assert not set(calibration["x"]) & set(evaluation["x"])
    assert np.array_equal(evaluation["x"], evaluation["y"])  # samples keep their labels


def test_at_most_a_fifth_is_calibrated_on(write: Write, tmp_path: Path) -> None:
    data = load_data(write(128, x=np.arange(10.0)), tmp_path / "cache")
    assert (len(load(data.calibration)["x"]), data.samples, data.labelled) == (2, 8, False)


def test_samples_are_shuffled_alike_every_time(write: Write, tmp_path: Path) -> None:
    ref = write(x=np.arange(100.0))
    first, second = (load(load_data(ref, tmp_path / name).evaluation)["x"] for name in ("one", "two"))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, np.sort(first))


def test_changed_data_is_another_data_set(write: Write, tmp_path: Path) -> None:
    first = load_data(write(x=np.arange(10.0)), tmp_path / "cache")
    second = load_data(write(x=np.arange(11.0)), tmp_path / "cache")
    assert first.sha256 != second.sha256
    assert Path(first.evaluation).exists()


def test_labels_in_a_column_are_taken_for_what_they_are(write: Write, tmp_path: Path) -> None:
    ref = write(x=np.arange(10.0), y=np.arange(10)[:, None])
    data = load_data(ref, tmp_path / "cache")
    labels = load_labels(ref.location, data, taking("x"))
    assert labels is not None
    assert labels.shape == (8, 1)
    assert np.array_equal(labels[:, 0], load(data.evaluation)["x"])


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.zeros((10, 3)), "labels 'y' have shape (n, 3); expected one a sample: (n,)"),
        (np.zeros((10, 1, 1)), "labels 'y' have shape (n, 1, 1); expected one a sample: (n,)"),
        (np.full(10, np.nan), "labels 'y' hold NaN or infinity; expected finite values"),
    ],
)
def test_what_cannot_be_labels_is_told_unless_a_model_takes_it(
    write: Write, tmp_path: Path, labels: np.ndarray, said: str
) -> None:
    ref = write(x=np.arange(10.0), y=labels)
    data = load_data(ref, tmp_path / "cache")
    with pytest.raises(Failed) as caught:
        load_labels(ref.location, data, taking("x"))
    assert str(caught.value) == f"{ref.location}: {said}"
    assert load_labels(ref.location, data, taking("x", "y")) is None
    assert load(data.evaluation)["y"].shape == (8, *labels.shape[1:])


N = np.arange(10.0)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"y": N}, "no array for a model input; expected one under its name, or 'x' for a sole input"),
        ({"x": N, "y": N[:9]}, "arrays differ in their number of samples (x: 10, y: 9)"),
        ({"x": N[:1]}, "1 samples; expected 2 at least"),
        ({"x": N, "y": np.array(list("0123456789"))}, "'y' is of type <U1; expected numbers"),
        ({"x": np.zeros(10, "V4")}, "'x' is of type |V4; expected numbers or text"),
        ({"x": np.array(1.0)}, "'x' is a scalar; expected samples on its first axis"),
        ({"x": np.array([{}, {}])}, "not a readable .npz of plain arrays: "),
    ],
)
def test_a_mistake_in_the_data_is_named(
    write: Write, tmp_path: Path, arrays: dict[str, np.ndarray], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_data(write(**arrays), tmp_path / "cache")
    assert "mine.npz: " in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "harm", [lambda raw: raw[:-40], lambda raw: raw[:50], lambda raw: b"", lambda raw: b"x" * 99]
)
def test_a_damaged_file_is_named(write: Write, tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    ref = write(x=np.arange(1000.0))
    Path(ref.location).write_bytes(harm(Path(ref.location).read_bytes()))
    with pytest.raises(InputError, match=r"mine.npz: not an \.npz, or a part of one"):
        load_data(ref, tmp_path / "cache")


def test_a_flipped_bit_in_the_data_is_noticed(write: Write, tmp_path: Path) -> None:
    ref = write(x=np.arange(1000.0))
    raw = bytearray(Path(ref.location).read_bytes())
    raw[4000] ^= 1
    Path(ref.location).write_bytes(raw)
    with pytest.raises(InputError, match="Bad CRC-32"):
        load_data(ref, tmp_path / "cache")


def test_what_is_no_array_in_an_archive_is_named(write: Write, tmp_path: Path) -> None:
    ref = write(x=np.arange(100.0))
    with zipfile.ZipFile(ref.location, "a") as archive:
        archive.writestr("README.txt", "Samples of last week.")
    with pytest.raises(InputError, match=r"mine\.npz: 'README\.txt' is no array; expected nothing but \.npy"):
        load_data(ref, tmp_path / "cache")


def test_data_is_identified_by_its_bytes(write: Write, tmp_path: Path) -> None:
    first = identify_data(write(x=np.arange(100.0)))
    assert identify_data(write(x=np.arange(100.0))) == first != identify_data(write(x=np.arange(101.0)))
    assert "digits" not in identify_data(DataRef("catalogue", "digits"))
    gone = DataRef("npz", str(tmp_path / "gone.npz"))
    assert identify_data(gone) == f"npz {gone.location}: No such file or directory 128"


def test_a_single_array_is_no_npz(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", N)
    with pytest.raises(InputError, match=r"x\.npy: not an \.npz"):
        load_data(DataRef("npz", str(tmp_path / "x.npy")), tmp_path / "cache")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.npz: no such file; data is an \.npz, or one of: digits"):
        load_data(DataRef("npz", str(tmp_path / "gone.npz")), tmp_path)
    with pytest.raises(InputError, match="unknown data set 'digit': did you mean 'digits'"):
        load_data(DataRef("catalogue", "digit"), tmp_path)


def test_a_full_disk_is_told_in_one_line(write: Write, tmp_path: Path) -> None:
    ref = write(x=np.arange(1000.0))
    with files_up_to(100), pytest.raises(InputError, match=r"^\S*mine\.npz: File too large$"):
        load_data(ref, tmp_path / "cache")


def declare(path: Path, shape: tuple[int, ...], held: int, dtype: str = "<f4") -> Path:
    """An .npz whose only array declares `shape`, with `held` bytes of zeros behind its header."""
    import io
    import zipfile

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(held))
    return path


@pytest.mark.parametrize("shape", [(2**50, 4), (2**62, 2**62), (3,)])
def test_an_array_that_declares_more_or_less_than_it_holds_is_refused_unread(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = declare(tmp_path / "bomb.npz", shape, 64)
    with pytest.raises(InputError, match=r"bomb\.npz: 'x' declares .*, 64 B are there"):
        read(path)


def test_data_that_does_not_fit_into_memory_is_refused_unread(
    tmp_path: Path,
) -> None:
    path = declare(tmp_path / "large.npz", (1000, 1000), 4_000_000)
    with pytest.raises(InputError, match=r"large\.npz: splitting it takes 1.*, 1.* are there"):
        read(path, lambda: 11_000_000)
    assert read(path, lambda: 13_000_000)["x"].shape == (1000, 1000)


def test_large_data_is_split_by_another_process_with_the_same_result(
    tmp_path: Path,
) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, x=np.arange(40.0).reshape(20, 2), y=np.arange(20))
    here = load_data(DataRef("npz", str(path), 4), tmp_path / "here")
    apart = load_data(DataRef("npz", str(path), 4), tmp_path / "apart", large_bytes=0)
    assert (apart.sha256, apart.samples, apart.labelled) == (here.sha256, here.samples, here.labelled)
    np.savez(path, x=np.arange(3.0), y=np.arange(4))
    with pytest.raises(InputError, match=r"^\S*own\.npz: arrays differ in their number of samples"):
        load_data(DataRef("npz", str(path), 4), tmp_path / "apart", large_bytes=0)
