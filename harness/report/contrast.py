"""A run beside others: compared with one of them, and as the latest point of its history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from harness.core.decision import Change, MetricComparison, RunComparison, Trend
from harness.core.units import count, format_percent, format_value
from harness.report.cases import brief
from harness.report.charts import log_scale
from harness.report.model import (
    MAX_ROWS,
    Chart,
    Curve,
    Curves,
    DotRow,
    Dots,
    Part,
    Reading,
    Scale,
    Step,
)
from harness.show.cells import Column, Line, Number
from harness.show.comparisons import count_verdicts, fields, lines
from harness.show.fields import columns_of
from harness.show.sections import Entry, Section
from harness.show.wording import cause

MAX_TRENDS = 5
"""Courses that one chart of history draws."""

MAX_LINES = 12
"""Comparisons in the table; the chart has more of them, and a command all."""

EDGE = 1.0
"""A ratio is drawn up to this much more or less; beyond, at the edge."""


def against(contrast: RunComparison) -> Part:
    """Make the part that compares the run with another, the worst first."""
    items = contrast.compared.comparisons
    base = contrast.base
    telling = [item for item in items if item.suspect or item.decision.verdict is Change.IMPROVEMENT]
    commit = f", commit {base.commit[:10]}" if base.commit else ""
    return Part(
        name="against",
        title=f"Compared with run {base.run}",
        text=(
            f"Base is run {base.run} of {base.started_at[:16].replace('T', ' ')} UTC{commit}: "
            f"{count(len(items), 'comparison')}: {count_verdicts(items)}.",
            f"The table has {_which(telling)}; 'harness compare {base.run} {contrast.head.run} --all' lists "
            "every comparison.",
            *contrast.notes,
        ),
        columns=columns_of(fields()) if telling else (),
        lines=lines(telling[:MAX_LINES]),
        charts=tuple(_forest(items)),
        sections=tuple(_uncompared(contrast)),
    )


def _which(telling: Sequence[MetricComparison]) -> str:
    if not telling:
        return "no line: nothing changed that these runs can show"
    worst = f"the worst {MAX_LINES} of " if len(telling) > MAX_LINES else ""
    return f"{worst}what changed, or looks worse: {count(len(telling), 'comparison')}"


def _forest(items: Sequence[MetricComparison]) -> Iterator[Chart]:
    drawn = [item for item in items if item.decision.ratio is not None and item.unit != "ratio"]
    if not drawn:
        return
    shown = drawn[:MAX_ROWS]
    more = f"; the {len(shown)} worst of {len(drawn)} are drawn" if len(shown) < len(drawn) else ""
    yield Chart(
        name="against",
        title="How much each metric changed",
        shows="Each dot is this run over the base, less one, with its 95% interval where there is one; the "
        f"worst stands first, and the word beside it is the verdict{more}.",
        omits="Whether more is worse depends on the metric: the verdict knows, the place of the dot does "
        "not; accuracy in points and cases that one run lacks are in the table.",
        drawing=Dots(
            (Scale("change", "ratio", reference=0.0),),
            tuple(
                DotRow(
                    f"{item.metric.rpartition('/')[2]} · {brief(item.case)}",
                    str(item.decision.verdict),
                    (_change(item),),
                    str(item.decision.verdict),
                )
                for item in shown
            ),
        ),
        columns=columns_of(fields()),
        lines=lines(shown),
    )


def _change(item: MetricComparison) -> Reading:
    decision = item.decision
    ends = [decision.ratio, decision.low, decision.high]
    less = [None if end is None else min(max(end - 1, -EDGE), EDGE) for end in ends]
    return Reading(less[0] or 0.0, less[1], less[2])


def _uncompared(contrast: RunComparison) -> Iterator[Section]:
    compared = contrast.compared
    if contrast.causes:
        causes = tuple(
            Entry(f"{cause(what)} ({count(len(cases), 'case')})") for what, cases in contrast.causes.items()
        )
        yield Section("What else differs between the runs", causes)
    entries = [Entry(f"measured unlike: {'; '.join(why)}", (case,)) for case, why in compared.refused.items()]
    if compared.only_head:
        entries.append(Entry("new, not in the base", compared.only_head))
    if compared.only_base:
        entries.append(Entry("in the base, not in this run", compared.only_base))
    if entries:
        yield Section("Not compared", tuple(entries), "warning")


def history(trends: Sequence[Trend]) -> Part | None:
    """Make the part of earlier runs: a chart a model, the cases that changed first; None without any."""
    models: dict[str, list[Trend]] = {}
    for trend in trends:
        if len(trend.points) > 1:
            models.setdefault(trend.case.partition("/")[0], []).append(trend)
    if not models:
        return None
    runs = max(len(trend.points) for found in models.values() for trend in found)
    return Part(
        name="history",
        title="History",
        text=(
            f"The median of a call over the last {count(runs, 'stored run')} of this suite on this machine.",
        ),
        charts=tuple(_course(model, found) for model, found in models.items()),
    )


def _course(model: str, trends: Sequence[Trend]) -> Chart:
    ordered = sorted(trends, key=lambda trend: -max((abs(s.strength) for s in trend.shifts), default=0.0))
    shown = ordered[:MAX_TRENDS]
    some = (
        f"; {len(shown)} of {len(trends)} cases are drawn, those that changed first"
        if len(shown) < len(trends)
        else ""
    )
    reasons = {trend.reason for trend in trends if trend.reason}
    unsure = f" No change points are sought: {next(iter(sorted(reasons)))}." if reasons else ""
    metric, unit = trends[0].metric, trends[0].unit
    days = sorted({_day(point.started_at) for trend in shown for point in trend.points})
    return Chart(
        name=f"{model}-history",
        title=f"{model}: {metric} from run to run",
        shows=f"Each point is a stored run; a diamond marks where the level changed, and by how much{some}.",
        omits="A change point says that the level moved, not why; runtime, model file and machine "
        f"may have moved with it.{unsure}",
        drawing=Curves(
            Scale("run", "1"),
            Scale(metric, unit, log_scale([point.value for trend in shown for point in trend.points])),
            tuple(
                Curve(
                    brief(trend.case),
                    tuple((_day(p.started_at), Reading(p.value, p.low, p.high)) for p in trend.points),
                    tuple(
                        Step(shift.index, format_percent(shift.change, signed=True))
                        for shift in trend.shifts
                        if shift.index < len(trend.points)
                    ),
                )
                for trend in shown
            ),
            tuple((day, _date(day)) for day in _few(days)),
        ),
        columns=(
            Column("case", number=False), Column("runs"), Column("first"), Column("last"),
            Column("changes", number=False),
        ),
        lines=tuple(
            Line(
                (
                    trend.case,
                    str(len(trend.points)),
                    Number(trend.points[0].value, unit),
                    Number(trend.points[-1].value, unit),
                    _changes(trend),
                )
            )
            for trend in ordered
        ),
    )  # fmt: skip


def _changes(trend: Trend) -> str:
    """Name the runs at which the level changed, and the levels before and after."""
    return "; ".join(
        f"{trend.points[shift.index].run}: {format_value(shift.before, trend.unit)} to "
        f"{format_value(shift.after, trend.unit)}"
        for shift in trend.shifts
        if shift.index < len(trend.points)
    )


def _day(started_at: str) -> float:
    """Return a time as days since 1970, UTC."""
    return datetime.fromisoformat(started_at).timestamp() / 86400


def _date(day: float) -> str:
    return datetime.fromtimestamp(day * 86400, UTC).strftime("%Y-%m-%d")


def _few(days: Sequence[float]) -> list[float]:
    """Choose the ends, and the middle where there is room."""
    return list(dict.fromkeys([days[0], days[len(days) // 2], days[-1]]))
