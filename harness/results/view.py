"""Draw a column of a frame over another with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.core.errors import InputError, NotFoundError
from harness.core.metrics import METRICS
from harness.core.registry import closest
from harness.results.scale import scale_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MARKERS = "osD^vPX*<>"
DODGE = 0.08
"""Distance between the marks of two hues at one text, of a step of 1."""


def plot(
    frame: pd.DataFrame,
    x: str,
    y: str,
    hue: str | None = None,
    ax: Axes | None = None,
    *,
    vary: Sequence[str] = (),
) -> Axes:
    """Draw `y` over `x`; `vary` are the columns that may differ between records of one place.

    Raises InputError as `harness.results.model.Results.plot` says.
    """
    shown = _checked(frame, x, y, hue, vary)
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(6.4, 4.0), layout="constrained")
    factor, unit = scale_of(shown[y].abs().max(), _unit(frame, y))
    places = _places(shown[x])
    numeric = _is_number(shown[x])
    groups = [("", shown)] if hue is None else [(str(name), part) for name, part in _groups(shown, hue)]
    for index, (name, part) in enumerate(groups):
        at = [places[value] for value in part[x].astype(object).map(_key)]
        shift = 0.0 if numeric else DODGE * (index - (len(groups) - 1) / 2)
        order = sorted(range(len(part)), key=lambda row: at[row])
        part = part.iloc[order]
        ax.errorbar(
            [at[row] + shift for row in order],
            part[y] / factor,
            yerr=_bars(part, y, factor),
            fmt=MARKERS[index % len(MARKERS)],
            linestyle="-" if numeric else "none",
            markersize=5,
            capsize=3,
            label=name or None,
        )
    _label(ax, places, x, numeric)
    ax.set_ylabel(f"{y} ({unit})" if unit else y)
    ax.grid(alpha=0.3)
    if hue is not None:
        ax.legend(title=hue, frameon=False)
    return ax


def _checked(frame: pd.DataFrame, x: str, y: str, hue: str | None, vary: Sequence[str]) -> pd.DataFrame:
    """Keep the rows that have a value; raise where there are none, or several at one place."""
    for role, name in (("x", x), ("y", y), ("hue", hue)):
        if name is not None and name not in frame.columns:
            raise NotFoundError(f"plot: {role}={name!r}: no such column: {closest(name, frame.columns)}")
    if not _is_number(frame[y]):
        numbers = [name for name in METRICS if name in frame.columns]
        raise InputError(f"plot: y={y!r} is text; name a number, such as {', '.join(numbers[:3])}")
    shown = frame[frame[y].notna()]
    if shown.empty:
        raise InputError(f"plot: no record has a value of {y!r}; frame(long=True) has the reasons")
    place = [name for name in (x, hue) if name is not None]
    twice = shown[shown.duplicated(place, keep=False)]
    if not twice.empty:
        first = twice.iloc[0]
        same = twice[(twice[place].astype(object).map(_key) == first[place].map(_key)).all(axis=1)]
        differ = [name for name in vary if name not in place and same[name].nunique(dropna=False) > 1]
        at = ", ".join(f"{name}={_key(first[name])}" for name in place)
        by = f"; they differ in {', '.join(differ)}: name it as hue, or narrow with where()" if differ else ""
        raise InputError(f"plot: {len(same)} records at {at}{by}")
    return shown


def _groups(frame: pd.DataFrame, hue: str) -> list[tuple[str, pd.DataFrame]]:
    keys = frame[hue].astype(object).map(_key)
    return [(str(key), frame[keys == key]) for key in dict.fromkeys(keys)]


def _key(value: Any) -> Any:
    """Give a value that equals itself: <NA> does not."""
    import pandas as pd

    return "none" if value is None or value is pd.NA or value != value else value


def _places(values: pd.Series[Any]) -> dict[Any, float]:
    """Give where on the x axis each value is: numbers at their own place, texts one after another."""
    keys = dict.fromkeys(values.astype(object).map(_key))
    if _is_number(values):
        return {key: float(key) for key in keys if key != "none"} | ({"none": 0.0} if "none" in keys else {})
    return {key: float(index) for index, key in enumerate(keys)}


def _label(ax: Axes, places: dict[Any, float], x: str, numeric: bool) -> None:
    ax.set_xlabel(x)
    few = len(places) <= 12
    if not numeric:
        ax.set_xticks(list(places.values()), [str(key) for key in places])
        ax.margins(x=0.15)
        if max(len(str(key)) for key in places) * len(places) > 60:
            ax.tick_params(axis="x", rotation=30)
    elif few and all(place == int(place) for place in places.values()):
        low, high = min(places.values()), max(places.values())
        if low > 0 and high / low >= 8:
            ax.set_xscale("log", base=2)
        ax.set_xticks(sorted(places.values()), [f"{place:g}" for place in sorted(places.values())])
        ax.minorticks_off()


def _bars(part: pd.DataFrame, y: str, factor: float) -> Any:
    """Give the distances to both ends of the interval; None where no record has one."""
    import numpy as np

    if f"{y}.low" not in part.columns or part[f"{y}.low"].isna().all():
        return None
    value = part[y].to_numpy(float)
    low, high = (part[f"{y}.{end}"].to_numpy(float) for end in ("low", "high"))
    return np.nan_to_num(np.maximum(np.array([value - low, high - value]), 0.0)) / factor


def _unit(frame: pd.DataFrame, y: str) -> str:
    units: dict[str, str] = frame.attrs.get("units", {})
    name = y.removesuffix(".low").removesuffix(".high")
    return units.get(name, "s" if y.endswith("_s") else "1")


def _is_number(column: pd.Series[Any]) -> bool:
    from pandas.api.types import is_numeric_dtype

    return bool(is_numeric_dtype(column))
