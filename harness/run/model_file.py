"""Plan a bare model file: what it leaves open and nobody says is assumed, and keys say what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core.suite import Plan
from harness.plan import plan_model
from harness.run.assume import Assumed, assume


def plan_model_file(
    model: Path,
    axes: Mapping[str, Any] | None = None,
    *,
    data: str | None = None,
    shapes: Mapping[str, int] | None = None,
    output: str | None = None,
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    **how: Any,
) -> tuple[Plan, str]:
    """Plan the file at `model` over `axes`; return the plan, and in one line what was assumed ("": nothing).

    The other parameters are those of `harness.plan.plan_model`. Raises InputError.
    """
    axes, shapes = dict(axes or {}), dict(shapes or {})
    line = ""
    elsewhere = data or any("shapes" in text.partition("=")[0] for text in overrides)
    if not elsewhere and (assumed := _assume(model, shapes, axes)):
        line = assumed.line
        axes |= {axis: [value] for axis, value in assumed.axes.items()}
        if assumed.sizes:
            # an axis, so that keys show it; and of the model, so that calibration knows it too
            axes["shapes"] = [{assumed.name: dict(assumed.sizes)}]
            shapes |= assumed.sizes
    plan = plan_model(
        model, axes, data=data, shapes=shapes or None, output=output, overrides=overrides, only=only, **how
    )
    return plan, line


def _assume(model: Path, shapes: Mapping[str, int], axes: Mapping[str, Any]) -> Assumed | None:
    """Choose what the model needs and nothing says; None where nothing is left open."""
    found = assume(model, shapes)
    assumed = Assumed(found.sizes, {axis: value for axis, value in found.axes.items() if axis not in axes})
    return assumed if assumed.sizes or assumed.axes else None
