"""Facts: run one case in a fresh worker process and write down what was seen.

Nothing here computes a statistic. The names below are imported on first use,
so that a worker (`harness.measure.worker`) starts without the code that
launches it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.measure.ask import ENGINES, request
    from harness.measure.cores import Cores, choose_cores
    from harness.measure.counting import count
    from harness.measure.git import git_commit
    from harness.measure.interleave import Block, BlockOrder, run_block
    from harness.measure.launch import observe, observe_here
    from harness.measure.lock import measuring
    from harness.measure.machine import describe_machine
    from harness.measure.worker.request import Request

__all__ = [
    "ENGINES",
    "Block",
    "BlockOrder",
    "Cores",
    "Request",
    "choose_cores",
    "count",
    "describe_machine",
    "git_commit",
    "measuring",
    "observe",
    "observe_here",
    "request",
    "run_block",
]

_HOME = {
    "ENGINES": "ask",
    "Block": "interleave",
    "Cores": "cores",
    "BlockOrder": "interleave",
    "Request": "worker.request",
    "choose_cores": "cores",
    "count": "counting",
    "describe_machine": "machine",
    "git_commit": "git",
    "measuring": "lock",
    "observe": "launch",
    "observe_here": "launch",
    "request": "ask",
    "run_block": "interleave",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
