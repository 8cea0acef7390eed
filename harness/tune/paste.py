"""Settings of a case as code to paste: Python, C++, a line of a suite, Triton's config.pbtxt."""

from __future__ import annotations

import json
import pprint
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.core.case import AXES, DEFAULTS, Case, Named, shown, thaw
from harness.core.vocabulary import ORT_LEVELS, ORT_MODES, PROVIDERS

TRITON_LEVELS = {"disable": 2, "basic": -1, "extended": 1}
"""Values of ``optimization.graph.level``; all optimizations are Triton's default."""

TRITON_KEYS = ("enable_mem_arena", "enable_mem_pattern")

CPP_FLAGS = {
    ("enable_cpu_mem_arena", False): "options.DisableCpuMemArena();",
    ("enable_cpu_mem_arena", True): "options.EnableCpuMemArena();",
    ("enable_mem_pattern", False): "options.DisableMemPattern();",
    ("enable_mem_pattern", True): "options.EnableMemPattern();",
}


@dataclass(frozen=True, slots=True)
class Snippets:
    """The same settings for four readers."""

    python: str
    suite: str
    cpp: str
    triton: str


def snippets(case: Case, path: str, options: Mapping[str, Any] | None = None) -> Snippets:
    """Write the settings of `case`, whose model file is at `path`.

    `options` are those in effect when it was measured: how many threads 0 came to.
    """
    known = options or {}
    session = case.session
    within = int(known.get("intra_threads") or session.intra_threads)
    across = int(known.get("inter_threads") or session.inter_threads)
    line = suite_line(case)
    case = replace(case, session=replace(session, intra_threads=within, inter_threads=across))
    return Snippets(python(case, path), line, cpp(case), triton(case))


def python(case: Case, path: str) -> str:
    """Write Python that makes the session as it was measured; it runs as it is."""
    session = case.session
    lines = [
        "import onnxruntime as ort",
        "",
        "options = ort.SessionOptions()",
        f"options.graph_optimization_level = ort.GraphOptimizationLevel.{ORT_LEVELS[session.graph_opt]}",
        f"options.execution_mode = ort.ExecutionMode.{ORT_MODES[session.execution_mode]}",
        f"options.intra_op_num_threads = {session.intra_threads}",
        f"options.inter_op_num_threads = {session.inter_threads}",
    ]
    for name, value in _config(case).items():
        if "." in name:
            lines.append(f"options.add_session_config_entry({name!r}, {str(value)!r})")
        else:
            lines.append(f"options.{name} = {value!r}")
    options = {name: str(value) for name, value in _options(session.provider).items()}
    providers: list[Any] = [(_provider(case), options)]
    if _provider(case) != PROVIDERS["cpu"]:
        providers.append(PROVIDERS["cpu"])
    lines += [
        f"providers = {pprint.pformat(providers, width=100)}",
        f"session = ort.InferenceSession({path!r}, options, providers=providers)",
    ]
    return "\n".join(lines)


def suite_line(case: Case) -> str:
    """Write the axes of a suite that give this case, and no other."""
    return f"axes: {json.dumps(suite_axes(case), ensure_ascii=False)}"


def suite_axes(case: Case) -> dict[str, Any]:
    """Return the axes of a suite, as plain data; what is at its default is left out."""
    found: dict[str, Any] = {}
    for axis in AXES:
        value = _value(case, axis)
        if shown(axis, value) == shown(axis, DEFAULTS[axis]):
            continue
        found[axis] = _named(axis, value) if hasattr(value, "options") else value
    return found


def cpp(case: Case) -> str:
    """Write C++ for the settings of the session."""
    session = case.session
    lines = [
        "Ort::SessionOptions options;",
        f"options.SetGraphOptimizationLevel(GraphOptimizationLevel::{ORT_LEVELS[session.graph_opt]});",
        f"options.SetExecutionMode(ExecutionMode::{ORT_MODES[session.execution_mode]});",
        f"options.SetIntraOpNumThreads({session.intra_threads});",
        f"options.SetInterOpNumThreads({session.inter_threads});",
    ]
    for name, value in _config(case).items():
        if "." in name:
            lines.append(f"options.AddConfigEntry({json.dumps(name)}, {json.dumps(str(value))});")
        else:
            lines.append(CPP_FLAGS.get((name, value), f"// no C++ equivalent is known of {name} = {value}"))
    if _provider(case) != PROVIDERS["cpu"]:
        lines.append(f"// then append {_provider(case)} with the options above")
    return "\n".join(lines)


def triton(case: Case) -> str:
    """Write a config.pbtxt for Triton's onnxruntime backend; what it has no key for is a comment."""
    session, lines = case.session, []
    level = TRITON_LEVELS.get(session.graph_opt)
    if level is not None:
        lines.append(f"optimization {{ graph: {{ level: {level} }} }}")
    keys = {
        "intra_op_thread_count": str(session.intra_threads),
        "inter_op_thread_count": str(session.inter_threads),
        "execution_mode": str(int(session.execution_mode == "parallel")),
    }
    missing = []
    for name, value in _config(case).items():
        key = name.replace("enable_cpu_mem_arena", "enable_mem_arena")
        if key in TRITON_KEYS:
            keys[key] = str(int(bool(value)))
        else:
            missing.append(f"# the backend has no key for {name} = {value}")
    lines += [
        f'parameters {{ key: "{key}" value: {{ string_value: "{value}" }} }}' for key, value in keys.items()
    ]
    if case.load.batch > 1:
        lines.append(f"max_batch_size: {case.load.batch}")
    if _provider(case) != PROVIDERS["cpu"]:
        missing.append(f"# the execution accelerator of {_provider(case)} is yours to add")
    return "\n".join([*lines, *missing])


def _value(case: Case, axis: str) -> Any:
    for part in (case.artifact, case.session, case.load):
        if hasattr(part, axis):
            return getattr(part, axis)
    raise AssertionError(axis)


_METHODS = {"int8_static": "static", "int8_dynamic": "dynamic"}


def _named(axis: str, value: Any) -> Any:
    """Write a value that has a name as a suite does."""
    options = _options(value)
    if value.name == value.kind and not options:
        return value.name
    match axis:
        case "precision":
            return {value.name: {"method": _METHODS.get(value.kind, value.kind), **options}}
        case "provider":
            return {value.name: {"provider": value.kind, "options": options}}
        case "exporter" | "converter" | "optimizer" if value.name == value.kind:
            return value.name
        case "exporter" | "converter" | "optimizer":
            return {value.name: {axis: value.kind, **options}}
    return {value.name: options}


def _config(case: Case) -> Mapping[str, Any]:
    return _options(case.session.config)


def _options(value: Named) -> dict[str, Any]:
    return dict(thaw(value.options)) if value.options else {}


def _provider(case: Case) -> str:
    return PROVIDERS.get(case.session.provider.kind, case.session.provider.kind)
