"""The charts of profiles: exact numbers, from made-up profiles."""

from __future__ import annotations

from dataclasses import replace

import pytest
from nights import cell, profiled

from harness import judge
from harness.core.record import Record
from harness.profile.stored import StoredProfile
from harness.report.cases import Cases
from harness.report.draw import draw
from harness.report.model import Bar, Bars, Ceiling, Chart, RoofPlot, Slope
from harness.report.palette import HUES, ROLES
from harness.report.profiled import profile_charts
from harness.report.svg import inline


@pytest.fixture
def records() -> list[Record]:
    return [cell("net", 1e-3, {"precision": name}) for name in ("fp32", "int8_static", "int8_dynamic")]


def made(records: list[Record], profiles: dict[str, StoredProfile]) -> list[Chart]:
    return list(profile_charts(Cases.of("net", judge.report("r", records).rows), profiles))


def test_no_profile_is_no_chart(records: list[Record]) -> None:
    assert made(records, {}) == []


def test_shares_are_a_bar_a_case_and_its_operators_in_the_same_order(records: list[Record]) -> None:
    chart = made(records, {record.case: profiled(record) for record in records[:2]})[0]
    assert isinstance(chart.drawing, Bars)
    assert chart.drawing.names == ("Conv", "QLinearConv", "Relu", "Transpose")
    first, second = chart.drawing.bars
    assert (first.label, first.parts) == ("int8_static", (0.0, 0.8, 0.15, 0.05))
    assert (second.label, second.parts) == ("fp32", (0.8, 0.0, 0.15, 0.05))
    assert [line.texts[3:] for line in chart.lines] == [
        ("–", "80.0%", "~15.0%", "5.0%"),
        ("80.0%", "–", "~15.0%", "5.0%"),
    ]
    assert "1 of 3 cases have no profile" in chart.omits


def test_more_operators_than_colors_are_one_part(records: list[Record]) -> None:
    found = profiled(records[0])
    rows = tuple(replace(found.operators[0], name=f"Op{at}", share=0.1) for at in range(10))
    chart = made(records[:1], {records[0].case: replace(found, operators=rows)})[0]
    assert isinstance(chart.drawing, Bars)
    assert (len(chart.drawing.names), chart.drawing.names[-1]) == (HUES, "all others (3)")
    assert chart.drawing.bars[0].parts == (*[0.1] * (HUES - 1), pytest.approx(0.3))


def test_the_fastest_case_of_each_precision_is_set_below_its_roofs(records: list[Record]) -> None:
    charts = made(records, {record.case: profiled(record) for record in records})
    assert [chart.title for chart in charts[1:]] == [
        f"Below the roofs: {name}" for name in ("int8_static", "fp32")
    ]
    plot, p50_s = charts[2].drawing, records[0].metrics["latency/p50"].value or 0
    assert isinstance(plot, RoofPlot)
    assert plot.slopes == (Slope("262 kB: 80 GB/s", 80.0), Slope("from 268 MB: 10 GB/s", 10.0))
    assert plot.ceilings == (Ceiling("fp32 100", 100.0), Ceiling("int8 300", 300.0))
    conv, relu = plot.marks  # a Transpose computes nothing
    assert (conv.label, conv.x, conv.y) == ("Conv, 80.00%", 100.0, pytest.approx(4e-3 / (0.8 * p50_s)))
    assert (conv.uncertain, relu.uncertain) == (False, True)
    assert "5.00% of the time is in the table alone" in charts[2].omits
    assert charts[2].lines[0].texts[0] == "Conv" and charts[2].lines[0].texts[-2:] == ("compute", "50%")
    assert charts[2].lines[-1].texts[-2:] == ("it casts", "–")


def test_an_operator_above_its_roof_is_named_as_our_error(records: list[Record]) -> None:
    found = profiled(records[0])
    first, *others = found.operators
    fast = replace(first, roof_s=2 * first.own_s)
    wrong = replace(found, operators=(fast, *others))
    texts = [made(records, {records[0].case: item})[1].omits for item in (found, wrong)]
    assert ["Above its roof" in text for text in texts] == [False, True]
    assert "the roof is wrong: Conv." in texts[1]


def test_without_roofs_there_are_shares_alone(records: list[Record]) -> None:
    found = replace(profiled(records[0]), roofs=None)
    assert [chart.name for chart in made(records, {records[0].case: found})] == ["net-operators"]


def test_a_part_is_told_by_its_number_and_a_roof_by_its_dashes(records: list[Record]) -> None:
    shares, plot = made(records[:1], {records[0].case: profiled(records[0])})
    assert isinstance(shares.drawing, Bars) and isinstance(shares.drawing.bars[0], Bar)
    picture = inline(draw(shares, ROLES), {}, "x")
    assert picture.count(">1</text>") == 2  # in the bar, and in the legend
    assert picture == inline(draw(shares, ROLES), {}, "x")
    assert "stroke-dasharray=" in inline(draw(plot, ROLES), {}, "x")
