"""What Python code imports of the harness: numbers for scripts and notebooks, parts for extensions.

`sweep`, `run`, `ab`, `explain` and `profile` measure, `load` reads what is stored; they give `Results` and
`Verdict` (docs/python.md). All other names are what extensions need (docs/extending.md).

A name's module is imported when the name is first used (PEP 562), so that
importing this one costs nothing: an engine's file is read in the worker, where
only the standard library, numpy and the runtime under test may be.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.build.data import Arrays, Catalogued, permute
    from harness.build.precisions import Precision
    from harness.build.reading import Reading
    from harness.build.sources import Asked, Origin, Written
    from harness.build.sources.onnx_file import OnnxFile
    from harness.build.sources.torch_export import Example
    from harness.core.errors import Failed, InputError, Unsupported
    from harness.core.feeds import Rows
    from harness.core.metrics import MetricSpec, describes
    from harness.core.record import Metric, Record
    from harness.core.registry import closest
    from harness.core.report import Report
    from harness.judge.facts import Facts
    from harness.judge.metrics import metric, missing
    from harness.measure.worker.engine import Call, Engine
    from harness.results.job import ab, explain, load, profile, run, sweep
    from harness.results.model import Results
    from harness.results.verdict import Verdict
    from harness.show.document import Document
    from harness.show.page import Page

_HOMES = {
    "harness.build.data": ("Arrays", "Catalogued", "permute"),
    "harness.build.precisions": ("Precision",),
    "harness.build.reading": ("Reading",),
    "harness.build.sources": ("Asked", "Origin", "Written"),
    "harness.build.sources.onnx_file": ("OnnxFile",),
    "harness.build.sources.torch_export": ("Example",),
    "harness.core.errors": ("Failed", "InputError", "Unsupported"),
    "harness.core.feeds": ("Rows",),
    "harness.core.metrics": ("MetricSpec", "describes"),
    "harness.core.record": ("Metric", "Record"),
    "harness.core.registry": ("closest",),
    "harness.core.report": ("Report",),
    "harness.judge.facts": ("Facts",),
    "harness.judge.metrics": ("metric", "missing"),
    "harness.measure.worker.engine": ("Call", "Engine"),
    "harness.results.job": ("ab", "explain", "load", "profile", "run", "sweep"),
    "harness.results.model": ("Results",),
    "harness.results.verdict": ("Verdict",),
    "harness.show.document": ("Document",),
    "harness.show.page": ("Page",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Arrays",
    "Asked",
    "Call",
    "Catalogued",
    "Document",
    "Engine",
    "Example",
    "Facts",
    "Failed",
    "InputError",
    "Metric",
    "MetricSpec",
    "OnnxFile",
    "Origin",
    "Page",
    "Precision",
    "Reading",
    "Record",
    "Report",
    "Results",
    "Rows",
    "Unsupported",
    "Verdict",
    "Written",
    "ab",
    "closest",
    "describes",
    "explain",
    "load",
    "metric",
    "missing",
    "permute",
    "profile",
    "run",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """Import what `name` stands for, and keep it."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what there is, imported or not."""
    return sorted(__all__)
