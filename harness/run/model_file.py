"""Plan a bare model file: what it leaves open and nobody says is assumed, and keys say what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.core.errors import InputError
from harness.core.form import Form
from harness.core.suite import Plan
from harness.plan import plan_model
from harness.plan.files import why_missing
from harness.run.assume import Assumed, assume


def plan_model_file(
    model: Path,
    axes: Mapping[str, Any] | None = None,
    *,
    data: str | None = None,
    shapes: Mapping[str, int] | None = None,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    output: str | None = None,
    batch_dim: str | None = None,
    custom_ops: Sequence[str] = (),
    overrides: Sequence[str] = (),
    only: Sequence[str] = (),
    form: Form = Form.COMMAND,
    **how: Any,
) -> tuple[Plan, str]:
    """Plan the file at `model` over `axes`; return the plan, and in one line what was assumed ("": nothing).

    `form` is of the line, and of errors. The other parameters are those of `harness.plan.plan_model`.
    Raises InputError.
    """
    axes, shapes, inputs = dict(axes or {}), dict(shapes or {}), dict(inputs or {})
    if reason := why_missing(model, str(model)):
        raise InputError(reason)
    for library in custom_ops:
        if reason := why_missing(Path(library), library):
            raise InputError(f"custom operators: {reason}")
    line = ""
    sized = any("shapes" in text.partition("=")[0] for text in overrides)
    given = (model, shapes, axes, batch_dim, custom_ops, data, inputs)
    if not sized and (assumed := _assume(*given, form)):
        line = assumed.line(form)
        axes |= {axis: [value] for axis, value in assumed.axes.items()}
        if assumed.sizes:
            # an axis, so that keys show it; and of the model, so that calibration knows it too
            axes["shapes"] = [{assumed.name: dict(assumed.sizes)}]
            shapes |= assumed.sizes
        inputs |= assumed.inputs
    plan = plan_model(
        model,
        axes,
        data=data,
        shapes=shapes or None,
        inputs=inputs,
        output=output,
        batch_dim=batch_dim,
        custom_ops=custom_ops,
        overrides=overrides,
        only=only,
        **how,
    )
    return plan, line


def _assume(
    model: Path,
    shapes: Mapping[str, int],
    axes: Mapping[str, Any],
    batch_dim: str | None,
    custom_ops: Sequence[str],
    data: str | None,
    inputs: Mapping[str, Mapping[str, Any]],
    form: Form,
) -> Assumed | None:
    """Choose what the model needs and nothing says; None where nothing is left open."""
    found = assume(
        model, shapes, batch_dim=batch_dim, custom_ops=custom_ops, data=data, inputs=inputs, form=form
    )
    free = {axis: value for axis, value in found.axes.items() if axis not in axes}
    assumed = Assumed(found.sizes, free, found.fills)
    return assumed if assumed.sizes or assumed.axes or assumed.fills else None
