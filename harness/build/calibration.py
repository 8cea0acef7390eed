"""Make the feeds that activation ranges are calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.build.arrays import read_arrays
from harness.core.artifact import Built
from harness.core.feeds import (
    Rows,
    bind_dimensions,
    cut,
    data_rows,
    random_rows,
    sample_count,
    with_overrides,
)


def calibrate(base: Built, asked: Mapping[str, Any]) -> tuple[list[Rows], str]:
    """Return calibration batches and, in words, what they are.

    `asked` holds the model's ``shapes``, ``batch_dim`` and ``inputs``, and either
    ``random`` (seed, samples) or ``data`` with the path of its calibration part.
    Batches are of one sample, or of the model's fixed batch. Raises Failed
    where a dimension is not bound, InputError where data does not fit the model.
    """
    identity = asked["identity"]
    inputs = with_overrides(base.inputs, identity["inputs"])
    shapes, batch_dim = identity["shapes"], identity["batch_dim"]
    if random := identity.get("random"):
        dims = bind_dimensions(inputs, None, shapes, batch_dim)
        rows = random_rows(inputs, random["samples"], dims, random["seed"])
        words = f"random, seed {random['seed']}, {random['samples']} samples"
    else:
        name = str(identity["data"])
        rows, _ = data_rows(name, read_arrays(asked["path"]), inputs)
        dims = bind_dimensions(inputs, None, shapes, batch_dim, rows, name)
        words = f"{identity['data']}: {sample_count(rows, dims)} samples"
    return cut(rows, inputs, dims.batch, dims), words
