"""What every drawing is made with: sizes, settings, colors with marks, axes and their ticks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from harness.core.units import format_value
from harness.report.model import Reading, Scale
from harness.report.palette import MARKERS, Palette
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
    "xtick.bottom": False,  # the grid shows where a number belongs
    "ytick.left": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "figure.dpi": POINTS,
    "pdf.fonttype": 42,
    "path.simplify": False,
}


@contextmanager
def settings(palette: Palette) -> Iterator[None]:
    """Draw with these settings, whatever the caller of matplotlib has set."""
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


class Hues:
    """A color and a mark for each group, in the order of `known` and of `groups`; named are `groups`."""

    def __init__(self, groups: Sequence[str], palette: Palette, known: Sequence[str] = ()) -> None:
        names = list(dict.fromkeys(groups))
        whole = dict.fromkeys((*known, *names))
        self._at = {name: index % len(MARKERS) for index, name in enumerate(whole)}
        self._palette = palette
        self.named = [name for name in names if name] if len(names) > 1 else []

    def color(self, group: str) -> str:
        """Return the color of `group`."""
        return self._palette.hues[self._at[group]]

    def mark(self, group: str) -> str:
        """Return the mark of `group`."""
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
        labels = [shorten(name, 26) for name in self.named]
        figure.legend(
            handles, labels, loc="upper left", ncols=min(4, len(labels)), frameon=False, fontsize=SMALL,
            bbox_to_anchor=(0.0, 1.0), borderaxespad=0.1, handletextpad=0.2, columnspacing=1.2,
        )  # fmt: skip

    def lines(self) -> int:
        """Return how many lines the legend takes."""
        return -(-len(self.named) // 4)


def set_range(
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
        flat = 0.005 if scale.unit == "ratio" else abs(high) * 0.05
        margin = 0.06 * (high - low) or flat or 0.5
        # sizes and times begin at nothing where that is not far: the eye compares lengths
        floor = 0.0 if low > 0 and low < 0.5 * high else low - margin
        set_limits(floor, high + margin)
    start, end = getattr(ax, f"get_{side}lim")()
    ticks = _ticks(start, end, log, max(2, int(length / (70 if side == "x" else 40))))
    if scale.unit == "ratio" and scale.reference is None and high <= 1:
        ticks = [tick for tick in ticks if tick <= 1]  # no share is more
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


def new_figure(width: float, height: float) -> Figure:
    """Make a figure of this size, in points."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / POINTS, height / POINTS))


def add_axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Add axes to a figure, in points from its lower left corner."""
    whole = figure.get_size_inches() * POINTS
    return figure.add_axes((left / whole[0], bottom / whole[1], width / whole[0], height / whole[1]))


def shorten(text: str, most: int) -> str:
    """Cut `text` to at most `most` letters, with control characters made visible."""
    text = visible(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"
