"""The space that is searched where nobody names one: what ONNX Runtime offers a CPU session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.vocabulary import EXECUTION_MODES, GRAPH_OPT

SPINNING, ARENA = "session.intra_op.allow_spinning", "enable_cpu_mem_arena"

PRECISIONS = ("fp32", "int8_dynamic", "int8_static")
"""Of a model with data: without, nobody could tell what they lose."""

BATCHES = (1, 4, 16)
"""Where a rate is to be made large; a call of one sample is never slower for having no others."""


def default_axes(cores: int, *, data: bool, batches: bool) -> Mapping[str, Any]:
    """Return axes for a machine with so many cores.

    Precisions are among them where there is `data`, batches where they are wanted.
    """
    threads = [2**power for power in range(16) if 2**power < cores]
    axes: dict[str, Any] = {
        "graph_opt": list(GRAPH_OPT.values()),
        "execution_mode": list(EXECUTION_MODES),
        "intra_threads": [*threads, 0],
        "config": [
            "default",
            {"no_spinning": {SPINNING: "0"}},
            {"no_arena": {ARENA: False}},
            {"no_spinning_no_arena": {SPINNING: "0", ARENA: False}},
        ],
    }
    if data:
        axes["precision"] = list(PRECISIONS)
    if batches:
        axes["batch"] = list(BATCHES)
    return axes
