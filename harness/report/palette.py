"""Colors of charts: by role, so that a page can give each role another color in the dark."""

from __future__ import annotations

from dataclasses import dataclass

HUES = 8


@dataclass(frozen=True, slots=True)
class Palette:
    """A color for each role, as hexadecimal text; `hues` are told apart by color-blind people too."""

    ink: str
    muted: str
    grid: str
    paper: str
    hues: tuple[str, ...]


LIGHT = Palette(
    ink="#1b2430",
    muted="#55606e",
    grid="#dde2e8",
    paper="#ffffff",
    hues=("#0b62a8", "#b34700", "#00795c", "#8c3a93", "#996500", "#c0305b", "#3f6f91", "#5b5b5b"),
)
"""After Okabe and Ito, darkened until white text on each can be read (a contrast of 4.5)."""

DARK = Palette(
    ink="#e8ecf1",
    muted="#a9b3bf",
    grid="#353e4a",
    paper="#151b23",
    hues=("#6bb5f2", "#f59b5e", "#4fcfa6", "#d79fe0", "#e3bd4f", "#f58aa8", "#9cc4de", "#bdbdbd"),
)

MARKERS = "osD^vPX*"
"""A mark for each hue: nothing is told by color alone."""

ROLES = Palette(
    ink="#00f001",
    muted="#00f002",
    grid="#00f003",
    paper="#00f004",
    hues=tuple(f"#00f01{index}" for index in range(HUES)),
)
"""Stand-ins that `harness.report.svg` replaces by the variables of the page."""

VARIABLES = {
    ROLES.ink: "ink",
    ROLES.muted: "muted",
    ROLES.grid: "grid",
    ROLES.paper: "paper",
    **{color: f"h{index}" for index, color in enumerate(ROLES.hues)},
}
"""Color of ROLES -> the name of its role in style sheets."""
