"""A script that repeats one case's timed loop with numpy and onnxruntime alone."""

from __future__ import annotations

import pprint
from collections.abc import Mapping
from typing import Any

from harness.core.errors import NotFoundError
from harness.core.metrics import HEADLINE
from harness.core.record import Record
from harness.core.vocabulary import DEVICES, ORT_LEVELS, ORT_MODES, PROVIDERS, THREADS

_SCRIPT = '''\
#!/usr/bin/env python3
"""Repeat the timed loop of one stored case: numpy and onnxruntime, nothing else.

    python repro.py [MODEL]

Feeds are drawn at random within each input's range; the settings are those
that were in effect when the case was measured.
"""

import math
import os
import statistics
import sys
import time

# What was measured.
CASE = {case}
MEASURED = {measured}

# How.
MODEL = {path}
CORES = {cores}
PROVIDER, PROVIDER_OPTIONS, DEVICE = {provider}
GRAPH_OPT, EXECUTION_MODE = {levels}
INTRA_THREADS, INTER_THREADS = {threads}
CONFIG = {config}
CUSTOM_OPS = {custom_ops}
INPUTS = {inputs}
IO = {io}
DISTINCT, SEED, WARMUP_CALLS, WARMUP_S, CALLS = {sampling}

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, set(CORES) & os.sched_getaffinity(0) or os.sched_getaffinity(0))

import numpy as np  # noqa: E402: pinned first
import onnxruntime as ort  # noqa: E402

options = ort.SessionOptions()
options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, GRAPH_OPT)
options.execution_mode = getattr(ort.ExecutionMode, EXECUTION_MODE)
options.intra_op_num_threads = INTRA_THREADS
options.inter_op_num_threads = INTER_THREADS
for key, value in CONFIG.items():
    if "." in key:
        options.add_session_config_entry(key, str(int(value)) if isinstance(value, bool) else str(value))
    else:
        setattr(options, key, value)
for library in CUSTOM_OPS:
    options.register_custom_ops_library(library)
providers = [(PROVIDER, PROVIDER_OPTIONS)]
if PROVIDER != "CPUExecutionProvider":
    providers.append("CPUExecutionProvider")
model = sys.argv[1] if len(sys.argv) > 1 else MODEL
session = ort.InferenceSession(model, options, providers=providers, enable_fallback=0)
session.disable_fallback()
if PROVIDER not in session.get_providers():
    sys.exit(f"{{PROVIDER}} did not start; the session has {{', '.join(session.get_providers())}} only")
random = np.random.default_rng(SEED)


def draw(dtype, shape, low, high, fill):
    dtype = np.dtype(dtype)
    if fill is not None:
        return np.full(shape, fill, dtype)
    if dtype.kind != "f":
        low = 0 if low is None else math.ceil(low)
        high = low + 2 if high is None else math.ceil(high)
        return random.integers(low, high, shape, np.int64).astype(dtype)
    if low is None and high is None:
        return random.standard_normal(shape, np.float32).astype(dtype)
    low = 0.0 if low is None else low
    high = low + 1.0 if high is None else high
    return (low + (high - low) * random.random(shape, np.float32)).astype(dtype)


bound = []  # a binding does not keep what is bound to it alive


def bind(feed):
    binding = session.io_binding()
    for name, array in feed.items():
        bound.append(ort.OrtValue.ortvalue_from_numpy(array, *DEVICE))
        binding.bind_ortvalue_input(name, bound[-1])
    for output in session.get_outputs():
        binding.bind_output(output.name, *DEVICE)
    return binding


feeds = [{{name: draw(*how) for name, *how in INPUTS}} for _ in range(DISTINCT)]
if IO == "iobinding":
    bindings = [bind(feed) for feed in feeds]
    call = lambda i: session.run_with_iobinding(bindings[i % DISTINCT])  # noqa: E731
else:
    call = lambda i: session.run(None, feeds[i % DISTINCT])  # noqa: E731

begun, i = time.perf_counter(), 0
while i < WARMUP_CALLS or time.perf_counter() - begun < WARMUP_S:
    call(i)
    i += 1
samples = []
for i in range(CALLS):
    start = time.perf_counter_ns()
    call(i)
    samples.append(time.perf_counter_ns() - start)

samples.sort()
print(f"onnxruntime {{ort.__version__}}, {{len(samples)}} calls of {{CASE}}")
print(f"p50 {{statistics.median(samples) / 1e6:.4f}} ms (when measured: {{MEASURED}})")
if len(samples) >= 130:
    print(f"p95 {{samples[int(len(samples) * 0.95)] / 1e6:.4f}} ms")
'''


def render_repro(record: Record) -> str:
    """Write the script for `record`. Raises NotFoundError where the case never reached a session."""
    options, shapes = record.options, record.session.get("input_shapes")
    # A model without inputs has no shapes, and can be repeated all the same.
    if not options or shapes is None or not record.artifact:
        why = record.reason or "it was not measured"
        raise NotFoundError(f"{record.case}: nothing to repeat ({record.status}: {why})")
    asked, sampling, measure = record.asked["session"], record.sampling, record.asked["measure"]
    latency = record.samples.get("latency_ns") or [[]]
    p50 = record.metrics.get(HEADLINE)
    known = "no p50" if p50 is None or p50.value is None else f"{p50.value * 1e3:.4f} ms"
    runtime = record.runtime.version or "?"
    return _SCRIPT.format(
        case=_literal(record.case),
        measured=_literal(f"{known}, onnxruntime {runtime}, {record.started_at}"),
        path=_literal(record.artifact["path"]),
        cores=_literal(list(record.cores)),
        provider=_literal(_provider(asked["provider"], options["intra_threads"])),
        levels=_literal((ORT_LEVELS[options["graph_opt"]], ORT_MODES[options["execution_mode"]])),
        threads=_literal((options["intra_threads"], options["inter_threads"])),
        config=_literal(dict(asked["config"]["options"])),
        custom_ops=_literal(list(asked.get("custom_ops", ()))),
        inputs=_literal(
            [_input(item, shapes, record.session.get("drawn") or {}) for item in record.artifact["inputs"]]
        ),
        io=_literal(record.load["io"]),
        sampling=_literal(
            (
                measure["inputs"],
                measure["seed"],
                sampling["warmup_calls"],
                sampling["warmup_s"],
                max(100, min(10_000, len(latency[0]))),
            )
        ),
    )


def _provider(asked: dict[str, Any], threads: int) -> tuple[Any, ...]:
    """ONNX Runtime's name, the options it was given, device and its number: as the worker had them."""
    kind, options = asked["kind"], asked["options"]
    own = {THREADS[kind]: threads} if kind in THREADS and "load_config" not in options else {}
    given = {key: str(value) for key, value in {**own, **options}.items()}
    return (
        PROVIDERS.get(kind, kind),
        given,
        (DEVICES.get(kind, "cpu"), int(options.get("device_id", 0))),
    )


def _input(item: dict[str, Any], shapes: Mapping[str, Any], drawn: Mapping[str, Any]) -> tuple[Any, ...]:
    """Name, dtype, shape as it was fed, low, high, fill."""
    how = drawn.get(item["name"]) or [item["low"], item["high"], item["fill"]]
    return (item["name"], item["dtype"], list(shapes[item["name"]]), *how)


def _literal(value: Any) -> str:
    """Write a Python literal: a name from a suite stays text, whatever it holds."""
    return pprint.pformat(value, sort_dicts=False, width=100)
