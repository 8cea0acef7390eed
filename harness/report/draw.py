"""Draw a chart with matplotlib: text stays text, no date, no chance, the same bytes each time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.report.draw_work import draw_bars, draw_roofs
from harness.report.ink import (
    LETTER,
    LONGEST,
    NARROW,
    POINTS,
    ROW,
    SMALL,
    WIDE,
    Hues,
    add_axes,
    new_figure,
    set_range,
    settings,
    shorten,
)
from harness.report.model import (
    Bars,
    Chart,
    Curves,
    Dots,
    Reading,
    RoofPlot,
    Scatter,
    Spot,
    Strips,
)
from harness.report.palette import Palette
from harness.report.strips import SPAN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(chart: Chart, palette: Palette, kind: str = "svg") -> bytes:
    """Draw `chart` as a file of `kind`: svg, png or pdf."""
    with settings(palette):
        figure = _figure(chart, palette)
        file = io.BytesIO()
        dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None, "ModDate": None}}.get(kind, {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of glyphs that the font lacks: the reader's has them
            figure.savefig(
                file,
                format=kind,
                metadata=dated or None,
                dpi=2 * POINTS,
                facecolor="none" if kind == "svg" else palette.paper,
            )
    return file.getvalue()


def _figure(chart: Chart, palette: Palette) -> Figure:
    drawing = chart.drawing
    match drawing:
        case Dots():
            return _dots(drawing, palette)
        case Scatter():
            return _scatter(drawing, palette)
        case Curves():
            return _curves(drawing, palette)
        case Strips():
            return _strips(drawing, palette)
        case Bars():
            return draw_bars(drawing, palette)
        case RoofPlot():
            return draw_roofs(drawing, palette)


def _dots(drawing: Dots, palette: Palette) -> Figure:
    rows, panels = drawing.rows, len(drawing.scales)
    hues = Hues(sorted(row.group for row in rows), palette, drawing.groups)
    labels = [shorten(row.label, LONGEST) for row in rows]
    left = 14 + LETTER * max(map(len, labels))
    right = 12 + LETTER * max(len(row.tag) for row in rows)
    top = 6 + 18 * hues.lines()
    height = top + ROW * len(rows) + 48
    figure = new_figure(WIDE, height)
    hues.legend(figure, height)
    gap, room = 36, WIDE - left - right
    each = (room - gap * (panels - 1)) / panels
    for at, scale in enumerate(drawing.scales):
        ax = add_axes(figure, left + at * (each + gap), 44, each, ROW * len(rows))
        set_range(ax, scale, [row.readings[at] for row in rows], "x", each)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_yticks(range(len(rows)), labels if at == 0 else [""] * len(rows))
        ax.tick_params(axis="y", length=0, pad=9, labelcolor=palette.ink, labelsize=SMALL)
        ax.spines["left"].set_visible(False)
        ax.grid(axis="x", linewidth=0.7)
        if scale.reference is not None:
            ax.axvline(scale.reference, color=palette.muted, linewidth=1)
        for place, row in enumerate(rows):
            _dot(ax, row.readings[at], place, hues.color(row.group), hues.mark(row.group))
            if row.tag and at == panels - 1:
                ax.annotate(
                    row.tag, (1, place), xycoords=("axes fraction", "data"), xytext=(8, 0),
                    textcoords="offset points", va="center", fontsize=SMALL, color=palette.muted,
                    annotation_clip=False,
                )  # fmt: skip
    return figure


def _dot(ax: Axes, item: Reading | None, place: float, color: str, mark: str) -> None:
    if item is None:
        return
    if item.low is not None and item.high is not None:
        ax.plot([item.low, item.high], [place, place], color=color, linewidth=1.6, clip_on=False)
    ax.plot([item.value], [place], color=color, marker=mark, markersize=5, linestyle="none", clip_on=False)


def _scatter(drawing: Scatter, palette: Palette) -> Figure:
    spots = drawing.spots
    hues = Hues(sorted(spot.group for spot in spots), palette, drawing.groups)
    panels = len(drawing.scales) - 1
    top = 18 + 18 * hues.lines()  # room for the number of a spot at the top
    width = NARROW if panels == 1 else WIDE
    key = [spot for spot in spots if spot.front][:MAX_NAMES]
    below = 17 * len(key)
    height = top + 210 + 50 + below
    figure = new_figure(width, height)
    hues.legend(figure, height)
    each = (width - 72 * panels - 8) / panels
    for at, scale in enumerate(drawing.scales[1:], 1):
        ax = add_axes(figure, 66 + (at - 1) * (each + 72), 50 + below, each, 210)
        found = [spot for spot in spots if spot.values[0] is not None and spot.values[at] is not None]
        set_range(ax, drawing.scales[0], [_bare(spot, 0) for spot in found], "x", each)
        set_range(ax, scale, [_bare(spot, at) for spot in found], "y", 210)
        ax.grid(linewidth=0.7)
        for spot in found:
            _spot(ax, spot, (spot.values[0] or 0, spot.values[at] or 0), hues, key, palette)
    for at, spot in enumerate(key):
        line = (17 * (len(key) - at) - 9) / height
        figure.text(62 / width, line, str(at + 1), fontsize=SMALL, color=palette.ink, va="center", ha="right")
        figure.text(70 / width, line, shorten(spot.label, 60), fontsize=SMALL, color=palette.ink, va="center")
    return figure


MAX_NAMES = 8
"""Cases of a front that are numbered and named below; the others are ringed only."""


def _spot(
    ax: Axes, spot: Spot, place: tuple[float, float], hues: Hues, key: Sequence[Spot], palette: Palette
) -> None:
    """Draw one spot; one of the front has a ring, and its number where it is named below."""
    color, mark = hues.color(spot.group), hues.mark(spot.group)
    ax.plot(*place, color=color, marker=mark, markersize=5, linestyle="none", clip_on=False)
    if not spot.front:
        return
    ax.plot(*place, marker="o", markersize=11, markerfacecolor="none", markeredgecolor=palette.ink,
            markeredgewidth=1, linestyle="none", clip_on=False)  # fmt: skip
    if spot in key:
        ax.annotate(str(key.index(spot) + 1), place, xytext=(0, 8), textcoords="offset points", ha="center",
                    fontsize=SMALL, color=palette.ink, annotation_clip=False)  # fmt: skip


def _curves(drawing: Curves, palette: Palette) -> Figure:
    curves = drawing.curves
    hues = Hues([curve.label for curve in curves], palette)
    lines = len(curves)
    height = 216 + 50 + 17 * lines
    figure = new_figure(NARROW, height)
    ax = add_axes(figure, 66, 50 + 17 * lines, NARROW - 66 - 26, 200)
    set_range(ax, drawing.y, [item for curve in curves for _, item in curve.points], "y", 200)
    _places(ax, drawing)
    ax.grid(linewidth=0.7)
    for at, curve in enumerate(curves):
        color, mark = hues.color(curve.label), hues.mark(curve.label)
        xs, ys = [x for x, _ in curve.points], [item.value for _, item in curve.points]
        few = len(xs) <= 20
        ax.plot(
            xs, ys, color=color, linewidth=1.5, marker=mark if few else None, markersize=4.5, clip_on=False
        )
        for step in curve.steps:
            x, y = xs[step.index], ys[step.index]
            ax.plot([x], [y], marker="D", markersize=7, markerfacecolor=palette.paper, markeredgecolor=color,
                    markeredgewidth=1.6, linestyle="none", clip_on=False)  # fmt: skip
            ax.annotate(step.text, (x, y), xytext=(0, 9), textcoords="offset points", ha="center",
                        fontsize=SMALL, color=palette.ink, annotation_clip=False)  # fmt: skip
        line = (17 * (lines - at) - 9) / height
        ax.plot([60 / NARROW], [line], transform=figure.transFigure, color=color, marker=mark, markersize=5,
                clip_on=False)  # fmt: skip
        figure.text(
            70 / NARROW, line, shorten(curve.label, 58), fontsize=SMALL, color=palette.ink, va="center"
        )
    return figure


def _places(ax: Axes, drawing: Curves) -> None:
    """Put ticks on x where the drawing names places."""
    if drawing.x.log:
        ax.set_xscale("log", base=2)
    xs = [x for curve in drawing.curves for x, _ in curve.points]
    low, high = min(xs), max(xs)
    if drawing.x.log:
        ax.set_xlim(low / 1.1, high * 1.1)
    else:
        ax.set_xlim(low - 0.04 * (high - low or 1), high + 0.04 * (high - low or 1))
    ax.set_xlabel(drawing.x.title, fontsize=SMALL)
    ax.set_xticks([place for place, _ in drawing.ticks], [text for _, text in drawing.ticks])
    ax.minorticks_off()
    ax.tick_params(labelsize=SMALL)


def _strips(drawing: Strips, palette: Palette) -> Figure:
    strips = drawing.strips
    hues = Hues(sorted(strip.group for strip in strips), palette, drawing.groups)
    labels = [shorten(strip.label, LONGEST) for strip in strips]
    tall = 24
    left = 8 + LETTER * max(map(len, labels))
    right = 12 + LETTER * max(len(strip.tag) for strip in strips)
    top = 6 + 18 * hues.lines()
    height = top + tall * len(strips) + 32
    figure = new_figure(WIDE, height)
    hues.legend(figure, height)
    ax = add_axes(figure, left, 28, WIDE - left - right, tall * len(strips))
    ax.set_xlim(0, 1)
    ax.set_ylim(len(strips) - 0.5, -0.5)
    ax.set_yticks(range(len(strips)), labels)
    ax.tick_params(axis="y", length=0, labelcolor=palette.ink, labelsize=SMALL)
    ax.set_xticks([0.0, 1.0], ["first call", "last call"], fontsize=SMALL)
    first, last = ax.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
    for place in range(len(strips)):  # likes together: a page writes them as one path
        ax.plot([0, 1], [place, place], color=palette.grid, linewidth=0.8)
    for place, strip in enumerate(strips):
        _strip(ax, strip.stretches, place, hues.color(strip.group))
    for place, strip in enumerate(strips):
        for start in strip.starts:
            at = start / len(strip.stretches)
            ax.plot([at, at], [place - 0.42, place + 0.42], color=palette.muted, linewidth=0.8)
        if strip.tag:
            ax.annotate(strip.tag, (1, place), xytext=(8, 0), textcoords="offset points", va="center",
                        fontsize=SMALL, color=palette.ink, annotation_clip=False)  # fmt: skip
    return figure


def _strip(ax: Axes, stretches: Sequence[tuple[float, float, float]], place: int, color: str) -> None:
    """Draw one strip: its band and its median."""
    number = len(stretches)
    xs = [(at + 0.5) / number for at in range(number)] if number > 1 else [0.0, 1.0]
    whole = list(stretches) if number > 1 else [stretches[0]] * 2

    def up(value: float) -> float:
        return place - min(max(value, -SPAN), SPAN) / SPAN * 0.42

    band = [*((x, up(low)) for x, (low, _, _) in zip(xs, whole, strict=True))]
    band += [*((x, up(high)) for x, (_, _, high) in zip(xs, whole, strict=True))][::-1]
    ax.fill(*zip(*band, strict=True), color=color, alpha=0.25, linewidth=0)
    ax.plot(xs, [up(middle) for _, middle, _ in whole], color=color, linewidth=1.3)


def _bare(spot: Spot, at: int) -> Reading | None:
    value = spot.values[at]
    return None if value is None else Reading(value)
