"""Draw where the time of a call goes: bars of operators, and operators below the machine's roofs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from harness.report.ink import (
    LETTER,
    LONGEST,
    NARROW,
    SMALL,
    WIDE,
    add_axes,
    new_figure,
    set_range,
    shorten,
)
from harness.report.model import Bars, Mark, Reading, RoofPlot
from harness.report.palette import MARKERS, Palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TALL, BAR = 22, 0.74
"""Height of a bar with what is between, and the bar's part of it."""

HELD = 15
"""Width from which a stretch of a bar holds its number."""

LINE = 17
"""Height of a line of a key."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (2, 2)), (0, (7, 2, 1, 2)))

HIGH = 220


def draw_bars(drawing: Bars, palette: Palette) -> Figure:
    """Draw a bar for each whole; a stretch has the number of its part, which the legend names."""
    bars = drawing.bars
    labels = [shorten(bar.label, LONGEST) for bar in bars]
    left = 8 + LETTER * max(map(len, labels))
    right = 14 + LETTER * max(len(bar.tag) for bar in bars)
    per_line = 4
    lines = -(-len(drawing.names) // per_line)
    top, room = 6 + 18 * lines, WIDE - left - right
    height = top + TALL * len(bars) + 48
    figure = new_figure(WIDE, height)
    _legend(figure, drawing.names, per_line, height, palette)
    ax = add_axes(figure, left, 44, room, TALL * len(bars))
    ax.set_xlim(0, 1)
    ax.set_ylim(len(bars) - 0.5, -0.5)
    ax.set_yticks(range(len(bars)), labels)
    ax.tick_params(axis="y", length=0, labelcolor=palette.ink, labelsize=SMALL)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"], fontsize=SMALL)
    ax.set_xlabel("share of the nodes' time", fontsize=SMALL)
    ax.spines["left"].set_visible(False)
    for at in range(len(drawing.names)):  # part by part: a page writes the stretches of one as one path
        _stretches(ax, drawing, at, room, palette)
    for place, bar in enumerate(bars):
        if bar.tag:
            ax.annotate(bar.tag, (1, place), xytext=(8, 0), textcoords="offset points", va="center",
                        fontsize=SMALL, color=palette.muted, annotation_clip=False)  # fmt: skip
    return figure


def _stretches(ax: Axes, drawing: Bars, at: int, room: float, palette: Palette) -> None:
    """Draw one part in every bar, with its number where there is room for it."""
    for place, bar in enumerate(drawing.bars):
        part, begun = bar.parts[at], sum(bar.parts[:at])
        if part > 0:
            color, edge = palette.hues[at], palette.paper
            ax.barh(place, part, BAR, begun, color=color, edgecolor=edge, linewidth=0.8)
        if part * room >= HELD:
            ax.text(
                begun + part / 2, place, str(at + 1), ha="center", va="center", fontsize=SMALL,
                color=palette.paper,
            )  # fmt: skip


def _legend(figure: Figure, names: Sequence[str], per_line: int, height: float, palette: Palette) -> None:
    """Name the parts along the top, each with its number on its color."""
    from matplotlib.patches import Rectangle

    each = WIDE / per_line
    for at, name in enumerate(names):
        x, y = (at % per_line) * each, height - 12 - 18 * (at // per_line)
        box = Rectangle((x / WIDE, (y - 7) / height), 14 / WIDE, 14 / height, transform=figure.transFigure,
                        color=palette.hues[at])  # fmt: skip
        figure.add_artist(box)
        words: dict[str, Any] = {"fontsize": SMALL, "va": "center"}
        figure.text((x + 7) / WIDE, y / height, str(at + 1), ha="center", color=palette.paper, **words)
        figure.text((x + 19) / WIDE, y / height, shorten(name, 28), color=palette.ink, **words)


def draw_roofs(drawing: RoofPlot, palette: Palette) -> Figure:
    """Draw the roofs as lines and each mark with its number; the key below names both."""
    lines = max(len(drawing.marks), len(drawing.slopes))
    below, right = 50 + LINE * lines, 70
    height = 22 + HIGH + below
    figure = new_figure(NARROW, height)
    ax = add_axes(figure, 66, below, NARROW - 66 - right, HIGH)
    set_range(ax, drawing.x, [Reading(x) for x in _across(drawing)], "x", NARROW - 66 - right)
    set_range(ax, drawing.y, [Reading(y) for y in _up(drawing)], "y", HIGH)
    ax.grid(linewidth=0.7)
    _roofs(ax, drawing, palette)
    for at, mark in enumerate(drawing.marks):
        _mark(ax, mark, at, palette)
    for at, mark in enumerate(drawing.marks):
        y = (LINE * (lines - at) - 9) / height
        ax.plot(
            [40 / NARROW], [y], transform=figure.transFigure, clip_on=False, **_look(mark, at, 6, palette)
        )
        words: dict[str, Any] = {"fontsize": SMALL, "color": palette.ink, "va": "center"}
        figure.text(28 / NARROW, y, str(at + 1), ha="right", **words)
        figure.text(50 / NARROW, y, shorten(mark.label, 29), **words)
    for at, slope in enumerate(drawing.slopes):
        y = (LINE * (lines - at) - 9) / height
        ax.plot([258 / NARROW, 284 / NARROW], [y, y], transform=figure.transFigure, clip_on=False,
                color=palette.ink, linewidth=1.2, linestyle=DASHES[at])  # fmt: skip
        figure.text(290 / NARROW, y, shorten(slope.label, 28), fontsize=SMALL, color=palette.ink, va="center")
    return figure


def _across(drawing: RoofPlot) -> Iterator[float]:
    """Yield what x must hold: the marks, and where the roofs meet."""
    yield from (mark.x for mark in drawing.marks)
    for ceiling in drawing.ceilings:
        yield from (2 * ceiling.level / slope.rate for slope in drawing.slopes)


def _up(drawing: RoofPlot) -> Iterator[float]:
    yield from (mark.y for mark in drawing.marks)
    yield from (1.3 * ceiling.level for ceiling in drawing.ceilings)


def _roofs(ax: Axes, drawing: RoofPlot, palette: Palette) -> None:
    """Draw the slopes up to the highest ceiling, and the ceilings from the steepest slope on."""
    (left, right), (low, _) = ax.get_xlim(), ax.get_ylim()
    highest = max((ceiling.level for ceiling in drawing.ceilings), default=ax.get_ylim()[1])
    for slope, dash in zip(drawing.slopes, DASHES, strict=False):
        xs = [max(left, low / slope.rate), min(right, highest / slope.rate)]
        ax.plot(xs, [slope.rate * x for x in xs], color=palette.ink, linewidth=1.2, linestyle=dash)
    steepest = max((slope.rate for slope in drawing.slopes), default=0.0)
    above = -1e9
    for ceiling in sorted(drawing.ceilings, key=lambda item: item.level):
        begin = max(left, ceiling.level / steepest) if steepest else left
        ax.plot([begin, right], [ceiling.level] * 2, color=palette.ink, linewidth=1.2)
        at = ax.transData.transform((right, ceiling.level))[1]
        lift = max(0.0, above + 13 - at)  # words of roofs that are near each other stand apart
        above = at + lift
        ax.annotate(ceiling.label, (right, ceiling.level), xytext=(5, lift), textcoords="offset points",
                    va="center", fontsize=SMALL, color=palette.ink, annotation_clip=False)  # fmt: skip


def _mark(ax: Axes, mark: Mark, at: int, palette: Palette) -> None:
    size = 5 + 8 * mark.share**0.5
    ax.plot([mark.x], [mark.y], clip_on=False, **_look(mark, at, size, palette))
    ax.annotate(
        str(at + 1), (mark.x, mark.y), xytext=(0, size / 2 + 6), textcoords="offset points", ha="center",
        va="center", fontsize=SMALL, color=palette.ink, annotation_clip=False,
    )  # fmt: skip


def _look(mark: Mark, at: int, size: float, palette: Palette) -> dict[str, Any]:
    """Return color and form: one that is uncertain is hollow."""
    color = palette.hues[at]
    return {
        "marker": MARKERS[at], "markersize": size, "color": color, "linestyle": "none",
        "markerfacecolor": "none" if mark.uncertain else color, "markeredgewidth": 1.2,
    }  # fmt: skip
