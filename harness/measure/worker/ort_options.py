"""Session options of ONNX Runtime: made of what a suite asks for, and read back."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core.errors import Failed, Unsupported
from harness.core.vocabulary import ORT_LEVELS, ORT_MODES
from harness.measure.worker.engine import one_line

if TYPE_CHECKING:
    from harness.measure.worker.request import Request

TELEMETRY_SINCE = (1, 29)


def make(runtime: Any, request: Request) -> Any:
    """Make a SessionOptions. Raises Unsupported for an entry that this runtime does not know.

    A thread count of 0 becomes the number of cores given, passed to the runtime
    in so many words: left to itself it would count the machine's cores, and
    set its threads' affinity on its own.
    """
    asked = request.session
    options = runtime.SessionOptions()
    options.graph_optimization_level = getattr(runtime.GraphOptimizationLevel, ORT_LEVELS[asked["graph_opt"]])
    options.execution_mode = getattr(runtime.ExecutionMode, ORT_MODES[asked["execution_mode"]])
    options.intra_op_num_threads = asked["intra_threads"] or request.cores.threads
    if asked["execution_mode"] == "parallel":
        options.inter_op_num_threads = asked["inter_threads"] or request.cores.across
    else:
        options.inter_op_num_threads = asked["inter_threads"]
    register(options, asked.get("custom_ops", ()))
    for key, value in asked["config"].items():
        _set(runtime, options, key, value)
    return options


def register(options: Any, libraries: Sequence[str]) -> None:
    """Register libraries of custom operators. Raises Failed where one is no such library."""
    for library in libraries:
        try:
            options.register_custom_ops_library(library)
        except Exception as error:  # the runtime raises classes of its own
            why = one_line(str(error))
            raise Failed(f"custom operators: {library} cannot be registered: {why}") from error


def _set(runtime: Any, options: Any, key: str, value: Any) -> None:
    """Set a config entry, or an attribute of SessionOptions where `key` is a plain word."""
    if "." not in key:
        if not hasattr(options, key):
            raise Unsupported(f"onnxruntime {runtime.__version__} has no session option {key!r}")
        setattr(options, key, value)
        return
    # The runtime takes any key and ignores those it does not know: a sweep over a misspelt one would
    # compare a setting with itself. Entries of a provider ("ep.") may be known to its library only.
    if not key.startswith("ep.") and not any(_mentions(library, key) for library in _libraries(runtime)):
        raise Unsupported(f"onnxruntime {runtime.__version__} does not know the config entry {key!r}")
    options.add_session_config_entry(key, _text(value))


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _libraries(runtime: Any) -> Iterator[Path]:
    folder = Path(runtime.__file__).parent / "capi"
    for pattern in ("onnxruntime_pybind11_state*", "*onnxruntime_providers*"):
        yield from folder.glob(pattern)


def _mentions(library: Path, key: str) -> bool:
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(key.encode() + b"\0") >= 0


def read_back(options: Any, request: Request) -> dict[str, Any]:
    """Return what the session says its options are, in the words of a suite."""
    return {
        "graph_opt": _named(ORT_LEVELS, options.graph_optimization_level.name),
        "execution_mode": _named(ORT_MODES, options.execution_mode.name),
        "intra_threads": options.intra_op_num_threads,
        "inter_threads": options.inter_op_num_threads,
        "config": {key: _entry(options, key, value) for key, value in request.session["config"].items()},
    }


def telemetry(version: str) -> bool:
    """Return whether this runtime has its telemetry on, which is read from the environment at its import."""
    major, minor = map(int, version.split(".")[:2])
    return (major, minor) >= TELEMETRY_SINCE and os.environ.get("ORT_DISABLE_TELEMETRY") not in ("1", "true")


def _entry(options: Any, key: str, asked: Any) -> Any:
    """Read one entry back, a flag as a flag where it was asked for as one."""
    if "." not in key:
        return getattr(options, key)
    present = options.get_session_config_entry(key)
    return present == _text(True) if isinstance(asked, bool) else present


def _named(names: dict[str, str], value: str) -> str:
    return next((name for name, native in names.items() if native == value), value)
