"""Word what is data elsewhere: what else changed, which setting would help."""

from __future__ import annotations

from harness.core.decision import Cause
from harness.core.report import Setting


def cause(found: Cause) -> str:
    """Word what else changed: ``runtime: 1.31.0 -> 1.32.0 (1 run later)``."""
    return f"{found.field}: {found.before} -> {found.after}{_away(found.away)}"


def _away(runs: int) -> str:
    if runs == 0:
        return ""
    return f" ({abs(runs)} {'run' if abs(runs) == 1 else 'runs'} {'later' if runs > 0 else 'before'})"


def remedy(setting: Setting) -> str:
    """Word what would give a gate its data: ``set sampling.max_seconds to 67``."""
    if setting.name.startswith("harness "):
        return f"run '{setting.name} {setting.value}'"
    return f"set {setting.name} to {setting.value}"
