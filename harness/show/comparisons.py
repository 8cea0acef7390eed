"""Rows of comparisons, as an A/B and a comparison of runs show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.core.decision import Change, MetricComparison
from harness.core.units import count
from harness.show.cells import Cell, Column, Delta, interval, number, percent
from harness.show.page import Line

MOODS = {
    Change.REGRESSION: "bad",
    Change.INCONCLUSIVE: "warning",
    Change.IMPROVEMENT: "good",
    Change.EQUIVALENT: "",
}
_NUMBERS = (
    Column("case", number=False),
    Column("metric", number=False),
    Column("base", drop=1),
    Column("head", drop=1),
    Column("change"),
    Column("95% interval", drop=3),
    Column("seen from", drop=4),
)
_VERDICT = (Column("verdict", number=False), Column("why", number=False, drop=2))
COLUMNS = (*_NUMBERS, *_VERDICT)
COLUMNS_WITH_BLOCKS = (*_NUMBERS, Column("blocks", drop=5), *_VERDICT)


def line(item: MetricComparison, *, blocks: bool = False) -> Line:
    """Write one comparison as a row of COLUMNS, or of COLUMNS_WITH_BLOCKS."""
    decision = item.decision
    cells: list[Cell] = [
        item.case,
        item.metric,
        number(item.base, item.unit),
        number(item.head, item.unit),
        change(item),
        interval(decision.low, decision.high),
        percent(decision.mde),
    ]
    if blocks:
        cells.append(str(decision.blocks) if decision.blocks else None)
    return Line((*cells, str(decision.verdict), decision.beside_change), MOODS[decision.verdict])


def count_verdicts(items: Iterable[MetricComparison]) -> str:
    """Count the verdicts: ``2 regressions, 1 equivalent``; "nothing was compared" where there are none."""
    counts = Counter(item.decision.verdict for item in items)
    texts = (
        count(counts[verdict], verdict)
        if verdict in (Change.REGRESSION, Change.IMPROVEMENT)
        else f"{counts[verdict]:,} {verdict}"
        for verdict in Change
        if counts[verdict]
    )
    return ", ".join(texts) or "nothing was compared"


def change(item: MetricComparison) -> Delta | None:
    """Give how far HEAD is from BASE: shares in points, all else as a percentage."""
    if item.unit == "ratio" and item.base is not None and item.head is not None:
        return Delta(item.head - item.base, "ratio")
    ratio = item.decision.ratio
    return None if ratio is None else Delta(ratio - 1, "")
