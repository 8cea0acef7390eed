"""The worker: one fresh process that runs one case and writes down what it saw.

It imports the standard library, numpy and the runtime under test, nothing
else, and works under any ORT from 1.17 on: what an old one lacks is recorded
as unavailable. Started as ``python -m harness.measure.worker REQUEST.json``;
it writes ``answer.json`` beside the request, anew after each stage, so that a
crash leaves the facts of the stages before it.

Stages, in order: ``session`` (pin, feeds, import, session, first call), then
the passes asked for: ``memory``, ``timing``, ``outputs``, ``proof``; in a worker
of an A/B ``slices`` takes the place of ``timing``, and its samples go to the parent
over a channel (`slices`), not into the answer. The parts of the answer, and so
of `harness.core.record.Observation` (times in ns, memory in bytes; a *reading* R is
``{"bytes": int}`` or ``{"unavailable": "why"}``)::

    runtime  {"distribution", "version", "build", "path", "available_providers": [...],
              "python", "numpy", "import_ns"}
    session  {"create_ns", "first_call_ns", "providers": [...], "provider_options": {...},
              "options": {"graph_opt", "execution_mode", "intra_threads", "inter_threads",
                          "config": {...}}          as read back from the session,
              "threads": {"before", "after"}        live threads of the process around its creation,
              "telemetry": bool                     ORT's, as its environment has it
              "cores": [...], "thread_cores": [...] cpusets of the process and of all its threads,
              "inputs": [{"name", "dtype", "shape"}], "outputs": [name, ...],
              "input_shapes": {name: [...]}         as fed,
              "call": name of the function that a timed call is: "run_with_iobinding" | "run"}
    feeds    {"kind": "random" | "data", "distinct", "rows", "seed"}
    memory   {"before_runtime": R, "after_import": R, "after_session": R, "after_first_call": R,
              "session_peak": R                     while the session was created,
              "peak": R                             in the calls after that, the kernel's peak reset,
              "device_peak": R                      what the process holds on a device
              "arena_peak": R                       out of the profile of the proof pass}
    timing   {"warmup_ns": [...], "samples_ns": [...], "wall_ns" (the timed stretches, all of them),
              "batch", "stopped_by": "calls" | "seconds" | "target_ci" | "max_calls" | "max_seconds",
              "clock": {"name", "overhead_ns", "resolution_ns"}, "cpu_ns",
              "context_switches": {"voluntary", "involuntary"}, "page_faults": {"minor", "major"}}
    outputs  {"file": absolute path of the .npz, keyed "0", "1", ... in the order of names,
              "names": [...], "rows", "batch", "per_call": [names kept a call at a time],
              "unavailable": {name: why}}
    proof    {"assignment": {provider: {"nodes", "operators": {type: count}}},
              "assignment_from": "graph_assignment" | "profile",
              "operators": {type: count}            of the optimized graph, nodes that ran,
              "flow": [{"name", "op", "calls", "ways": {way: calls}}]  of If, Loop and Scan, where there are,
              "unavailable": {what: why}}
    profile  {"run_us": [a warm call each], "nodes": [{"name", "op", "provider", "us": [a call each],
              "times": [a call each], "within" (of control flow), "inputs",
              "outputs": [{"dtype", "dims"}], ...}],
              "optimized": path of the optimized graph, or None}
    instructions  in a worker of its own, under callgrind or not:
             {"how": "callgrind" | "perf", "tool", "features": [...], "calls" (of a stretch), "windows",
              "threads", "options", "config" (in effect),
              "counts": {"call": [a stretch each], "session": [...]}     of the runtime's own objects by
                                                    callgrind, of all that the process executes by perf
              "elsewhere": the same of all other objects, by callgrind}, or {"unavailable": why}
    system   {"load_before": [...], "load_after": [...], "steal_ticks", "throttled_periods",
              "frequency_mhz": {core: ...}, "environment": {...}, "notes": [...],
              "stage_ns": {stage: ...}}
    error    {"status": "unsupported" | "failed" | "crashed" | "timeout", "pass", "type", "message"}
    exit     {"code", "signal" (its number), "timeout", "wall_s", "stdout", "stderr"}   by the parent

Memory is VmRSS and VmHWM of /proc/self/status: one source for the readings
and their peak, cheap, and off by at most a few hundred kB on a process that is
pinned (the kernel counts pages per CPU and adds them up in batches).
"""
