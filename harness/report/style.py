"""How a report looks, and the little script that sorts its tables."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from harness.report.palette import DARK, LIGHT, Palette

MAX_COLUMNS = 40
"""Columns of a table whose side the style sheet knows."""


@cache
def style() -> str:
    """Return the style sheet, with the colors of light and dark, and a class for each role."""
    sheet = (files("harness.report") / "page.css").read_text(encoding="utf-8")
    sides = "".join(
        f".n{at} :is(th,td):nth-child({at}){{text-align:right}}" for at in range(1, MAX_COLUMNS + 1)
    )
    sheet = sheet.replace("/*light*/", _variables(LIGHT)).replace("/*dark*/", _variables(DARK))
    return sheet.replace("/*columns*/", sides)


@cache
def script() -> str:
    """Return the script: nothing is lost without it."""
    return (files("harness.report") / "sort.js").read_text(encoding="utf-8")


def _variables(palette: Palette) -> str:
    hues = "".join(f"--h{index}:{color};" for index, color in enumerate(palette.hues))
    return f"--ink:{palette.ink};--muted:{palette.muted};--grid:{palette.grid};--paper:{palette.paper};{hues}"
