"""Plots: every record shown, at its place, with its interval; and no silent average."""

from __future__ import annotations

from dataclasses import replace

import matplotlib
import pandas as pd
import pytest
from make import make_metric, make_record
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.core.errors import InputError, NotFoundError
from harness.core.record import Record
from harness.results.frame import wide
from harness.results.view import plot

matplotlib.use("Agg")


def timed(p50: float, batch: int, precision: str) -> Record:
    metric = make_metric("latency/p50", p50, low=p50 * 0.9, high=p50 * 1.2)
    return replace(make_record(batch=batch, precision=precision), metrics={"latency/p50": metric})


@pytest.fixture
def frame() -> pd.DataFrame:
    values = {(8, "fp32"): 0.004, (1, "fp32"): 0.001, (1, "int8"): 0.0005, (8, "int8"): 0.002}
    return wide([timed(p50, *place) for place, p50 in values.items()])


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


def test_each_hue_is_a_line_in_the_order_of_x(frame: pd.DataFrame, ax: Axes) -> None:
    assert plot(frame, "batch", "latency/p50", "precision", ax) is ax
    drawn = {bars.get_label(): bars[0].get_xydata().tolist() for bars in ax.containers}
    assert drawn == {"fp32": [[1, 1], [8, 4]], "int8": [[1, 0.5], [8, 2]]}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("batch", "latency/p50 (ms)")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["fp32", "int8"]


def test_hues_differ_by_their_marks_too(frame: pd.DataFrame, ax: Axes) -> None:
    plot(frame, "batch", "latency/p50", "precision", ax)
    assert len({bars[0].get_marker() for bars in ax.containers}) == 2


def test_bars_are_the_intervals(frame: pd.DataFrame, ax: Axes) -> None:
    plot(frame[frame["batch"] == 1], "precision", "latency/p50", None, ax)
    (segments,) = [bars.get_segments() for bars in ax.containers[0][2]]
    ends = [[round(float(y), 6) for _, y in segment] for segment in segments]
    assert ends == [[0.9, 1.2], [0.45, 0.6]]  # ms


def test_records_that_share_a_place_are_refused_with_what_they_differ_in(
    frame: pd.DataFrame, ax: Axes
) -> None:
    with pytest.raises(InputError, match=r"2 records at batch=8; they differ in precision: name it as hue"):
        plot(frame, "batch", "latency/p50", None, ax, vary=["precision", "batch"])


@pytest.mark.parametrize(
    ("x", "y", "hue", "words"),
    [
        ("batch", "precision", None, "y='precision' is text; name a number, such as latency/p50"),
        ("bach", "latency/p50", None, "x='bach': no such column: did you mean 'batch'"),
        ("batch", "latency/p50", "precisio", "hue='precisio': no such column"),
        ("batch", "opset", None, "no record has a value of 'opset'"),
    ],
)
def test_a_column_that_cannot_be_drawn_is_one_line(
    frame: pd.DataFrame, x: str, y: str, hue: str | None, words: str
) -> None:
    with pytest.raises((InputError, NotFoundError)) as caught:
        plot(frame, x, y, hue)
    assert words in str(caught.value) and "\n" not in str(caught.value)
