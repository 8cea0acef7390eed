"""Draw a chart with matplotlib: text stays text, no date, no chance, the same bytes each time."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from harness.core.units import format_value
from harness.report.model import Chart, Curves, Dots, Reading, Scale, Scatter, Spot, Strips
from harness.report.palette import MARKERS, Palette
from harness.report.strips import SPAN
from harness.show.escape import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 72
"""Of an inch: a figure is laid out in points, which a page takes for pixels."""

WIDE, NARROW = 840, 470
"""Widths of a figure: of rows with labels, and of one that stands beside another."""

ROW, SMALL, TEXT = 20, 11, 11
LETTER = 6.4
"""Width of a letter, about."""

LONGEST = 62
"""Letters of a label, and of a label on a narrow chart half of that."""

SETTINGS = {
    "svg.fonttype": "none",
    "svg.hashsalt": "harness",
    "font.family": "DejaVu Sans",
    "font.size": TEXT,
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "figure.dpi": POINTS,
    "pdf.fonttype": 42,
    "path.simplify": False,
}


def draw(chart: Chart, palette: Palette, kind: str = "svg") -> bytes:
    """Draw `chart` as a file of `kind`: svg, png or pdf."""
    with _settings(palette):
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


@contextmanager
def _settings(palette: Palette) -> Iterator[None]:
    import matplotlib

    colors = {
        "text.color": palette.ink,
        "axes.labelcolor": palette.ink,
        "axes.edgecolor": palette.muted,
        "xtick.color": palette.muted,
        "ytick.color": palette.muted,
        "grid.color": palette.grid,
        "axes.facecolor": "none",
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: dict[Any, Any] = SETTINGS | colors
        matplotlib.rcParams.update(settings)
        yield


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


class _Hues:
    """A color and a mark for each group, in the order of `known` and of `groups`; named are `groups`."""

    def __init__(self, groups: Sequence[str], palette: Palette, known: Sequence[str] = ()) -> None:
        names = list(dict.fromkeys(groups))
        whole = dict.fromkeys((*known, *names))
        self._at = {name: index % len(MARKERS) for index, name in enumerate(whole)}
        self._palette = palette
        self.named = [name for name in names if name] if len(names) > 1 else []

    def color(self, group: str) -> str:
        return self._palette.hues[self._at[group]]

    def mark(self, group: str) -> str:
        return MARKERS[self._at[group]]

    def legend(self, figure: Figure, height: float) -> None:
        """Name the groups along the top."""
        if not self.named:
            return
        from matplotlib.lines import Line2D

        handles = [
            Line2D([], [], linestyle="none", marker=self.mark(name), color=self.color(name), markersize=5)
            for name in self.named
        ]
        labels = [_short(name, 26) for name in self.named]
        figure.legend(
            handles, labels, loc="upper left", ncols=min(4, len(labels)), frameon=False, fontsize=SMALL,
            bbox_to_anchor=(0.0, 1.0), borderaxespad=0.1, handletextpad=0.2, columnspacing=1.2,
        )  # fmt: skip

    def lines(self) -> int:
        """Return how many lines the legend takes."""
        return -(-len(self.named) // 4)


def _dots(drawing: Dots, palette: Palette) -> Figure:
    rows, panels = drawing.rows, len(drawing.scales)
    hues = _Hues(sorted(row.group for row in rows), palette, drawing.groups)
    labels = [_short(row.label, LONGEST) for row in rows]
    left = 8 + LETTER * max(map(len, labels))
    right = 12 + LETTER * max(len(row.tag) for row in rows)
    top = 6 + 18 * hues.lines()
    height = top + ROW * len(rows) + 48
    figure = _new(WIDE, height)
    hues.legend(figure, height)
    gap, room = 36, WIDE - left - right
    each = (room - gap * (panels - 1)) / panels
    for at, scale in enumerate(drawing.scales):
        ax = _axes(figure, left + at * (each + gap), 44, each, ROW * len(rows))
        _range(ax, scale, [row.readings[at] for row in rows], "x", each)
        ax.set_ylim(len(rows) - 0.5, -0.5)
        ax.set_yticks(range(len(rows)), labels if at == 0 else [""] * len(rows))
        ax.tick_params(axis="y", length=0, labelcolor=palette.ink, labelsize=SMALL)
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
    hues = _Hues(sorted(spot.group for spot in spots), palette, drawing.groups)
    panels = len(drawing.scales) - 1
    top = 8 + 18 * hues.lines()
    width = NARROW if panels == 1 else WIDE
    key = [spot for spot in spots if spot.front][:MAX_NAMES]
    below = 17 * len(key)
    height = top + 210 + 50 + below
    figure = _new(width, height)
    hues.legend(figure, height)
    each = (width - 72 * panels - 8) / panels
    for at, scale in enumerate(drawing.scales[1:], 1):
        ax = _axes(figure, 66 + (at - 1) * (each + 72), 50 + below, each, 210)
        found = [spot for spot in spots if spot.values[0] is not None and spot.values[at] is not None]
        _range(ax, drawing.scales[0], [_bare(spot, 0) for spot in found], "x", each)
        _range(ax, scale, [_bare(spot, at) for spot in found], "y", 210)
        ax.grid(linewidth=0.7)
        for spot in found:
            _spot(ax, spot, (spot.values[0] or 0, spot.values[at] or 0), hues, key, palette)
    for at, spot in enumerate(key):
        line = (17 * (len(key) - at) - 9) / height
        figure.text(62 / width, line, str(at + 1), fontsize=SMALL, color=palette.ink, va="center", ha="right")
        figure.text(70 / width, line, _short(spot.label, 60), fontsize=SMALL, color=palette.ink, va="center")
    return figure


MAX_NAMES = 8
"""Cases of a front that are numbered and named below; the others are ringed only."""


def _spot(
    ax: Axes, spot: Spot, place: tuple[float, float], hues: _Hues, key: Sequence[Spot], palette: Palette
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
    hues = _Hues([curve.label for curve in curves], palette)
    lines = len(curves)
    height = 216 + 50 + 17 * lines
    figure = _new(NARROW, height)
    ax = _axes(figure, 66, 50 + 17 * lines, NARROW - 66 - 26, 200)
    _range(ax, drawing.y, [item for curve in curves for _, item in curve.points], "y", 200)
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
            70 / NARROW, line, _short(curve.label, 58), fontsize=SMALL, color=palette.ink, va="center"
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
    hues = _Hues(sorted(strip.group for strip in strips), palette, drawing.groups)
    labels = [_short(strip.label, LONGEST) for strip in strips]
    tall = 24
    left = 8 + LETTER * max(map(len, labels))
    right = 12 + LETTER * max(len(strip.tag) for strip in strips)
    top = 6 + 18 * hues.lines()
    height = top + tall * len(strips) + 32
    figure = _new(WIDE, height)
    hues.legend(figure, height)
    ax = _axes(figure, left, 28, WIDE - left - right, tall * len(strips))
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
    for place, strip in enumerate(strips):
        _strip(ax, strip.stretches, strip.starts, place, hues.color(strip.group), palette)
        if strip.tag:
            ax.annotate(strip.tag, (1, place), xytext=(8, 0), textcoords="offset points", va="center",
                        fontsize=SMALL, color=palette.ink, annotation_clip=False)  # fmt: skip
    return figure


def _strip(
    ax: Axes,
    stretches: Sequence[tuple[float, float, float]],
    starts: Sequence[int],
    place: int,
    color: str,
    palette: Palette,
) -> None:
    """Draw one strip: its band, its median, its own level, and where another process begins."""
    number = len(stretches)
    xs = [(at + 0.5) / number for at in range(number)] if number > 1 else [0.0, 1.0]
    whole = list(stretches) if number > 1 else [stretches[0]] * 2

    def up(value: float) -> float:
        return place - min(max(value, -SPAN), SPAN) / SPAN * 0.42

    ax.plot([0, 1], [place, place], color=palette.grid, linewidth=0.8)
    band = [*((x, up(low)) for x, (low, _, _) in zip(xs, whole, strict=True))]
    band += [*((x, up(high)) for x, (_, _, high) in zip(xs, whole, strict=True))][::-1]
    ax.fill(*zip(*band, strict=True), color=color, alpha=0.25, linewidth=0)
    ax.plot(xs, [up(middle) for _, middle, _ in whole], color=color, linewidth=1.3)
    for start in starts:
        ax.plot([start / number] * 2, [place - 0.42, place + 0.42], color=palette.muted, linewidth=0.8)


def _bare(spot: Spot, at: int) -> Reading | None:
    value = spot.values[at]
    return None if value is None else Reading(value)


def _range(
    ax: Axes, scale: Scale, readings: Sequence[Reading | None], side: Literal["x", "y"], length: float
) -> None:
    """Set limits, ticks and label of one side."""
    known = [item for item in readings if item is not None]
    ends = [end for item in known for end in (item.value, item.low, item.high) if end is not None]
    if scale.reference is not None:
        ends.append(scale.reference)
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    set_limits: Callable[..., Any] = getattr(ax, f"set_{side}lim")
    log = scale.log and low > 0
    if log:
        getattr(ax, f"set_{side}scale")("log")
        set_limits(low / 1.12, high * 1.12)
    else:
        margin = 0.06 * (high - low) or abs(high) * 0.05 or 0.5
        # sizes and times begin at nothing where that is not far: the eye compares lengths
        floor = 0.0 if low > 0 and low < 0.5 * high else low - margin
        set_limits(floor, high + margin)
    start, end = getattr(ax, f"get_{side}lim")()
    ticks = _ticks(start, end, log, max(2, int(length / (70 if side == "x" else 40))))
    if side == "x":
        ticks = _apart(ax, ticks, scale)
    getattr(ax, f"set_{side}ticks")(ticks, [_tick(value, scale) for value in ticks])
    ax.minorticks_off()
    ax.tick_params(axis=side, labelsize=SMALL)
    getattr(ax, f"set_{side}label")(scale.title, fontsize=SMALL)


def _apart(ax: Axes, ticks: Sequence[float], scale: Scale) -> list[float]:
    """Leave out ticks whose words would touch those of the one before."""
    kept: list[float] = []
    end = float("-inf")
    for tick in ticks:
        at, half = float(ax.transData.transform((tick, 0))[0]), LETTER * len(_tick(tick, scale)) / 2
        if at - half > end:
            kept.append(tick)
            end = at + half + LETTER
    return kept


def _ticks(low: float, high: float, log: bool, most: int) -> list[float]:
    from matplotlib.ticker import LogLocator, MaxNLocator

    if not log:
        return [
            float(item)
            for item in MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)
            if low <= item <= high
        ]
    found: list[float] = []
    for subs in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        found = [
            float(item)
            for item in LogLocator(subs=subs, numticks=50).tick_values(low, high)
            if low <= item <= high
        ]
        if len(found) <= most:
            break
    if len(found) < 2:
        return _ticks(low, high, False, most)
    return found[:: -(-len(found) // most)] if found else []


def _tick(value: float, scale: Scale) -> str:
    if value == 0 and scale.unit in ("s", "B"):
        return "0"
    if scale.unit == "ratio" and scale.reference is not None:
        return f"{value * 100:+.3g}%" if value else "0%"
    if scale.unit == "ratio":
        return f"{value * 100:.4g}%"
    if scale.unit in ("samples/s", "1"):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return format_value(value, scale.unit)


def _new(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width / POINTS, height / POINTS))


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    whole = figure.get_size_inches() * POINTS
    return figure.add_axes((left / whole[0], bottom / whole[1], width / whole[0], height / whole[1]))


def _short(text: str, most: int) -> str:
    text = visible(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
