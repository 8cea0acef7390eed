"""A runtime without arithmetic: it answers what a JSON file says, by a clock of its own.

For tests of the whole path with exact numbers, and of every way to fail. The
file, all keys optional::

    {"version": "1.0", "import_ns": 0, "session_ns": 1000000, "first_call_ns": 5000,
     "warmup_ns": [1000], "call_ns": [1000, 1200],      each in rotation
     "memory": {"before_runtime": 10, "after_import": 20, "after_session": 30,
                "session_peak": 35, "after_first_call": 40, "peak": 50, "arena_peak": 5},
     "outputs": {"y": [[0.1, 0.9], [0.8, 0.2]]},        one entry a row, in rotation
     "varies": 0.5,                                     added to each further answer to one input
     "providers": ["CPUExecutionProvider"],
     "assignment": {"CPUExecutionProvider": {"Conv": 2}},   default: what `operators` says
     "operators": {"FusedConv": 2},
     "options": {"graph_opt": "basic"},                 read back in place of what was asked
     "cases": [{"when": {"batch": 8, "graph_opt": "all"}, "call_ns": [9000]}],   override the above
     "fail": {"at": "timing", "how": "signal", ...}}

A phase of memory that is absent is unavailable. `fail.at` is a stage ("import",
"session", "first_call", "memory", "warmup", "timing", "slices", "outputs",
"proof"): there it fails, or after `fail.after_calls` of its calls. `fail.how`
is one of: "raise" and "unsupported" (with `message`), "signal" (with
`signal`), "exit" (with `code`), "hang", "garbage" (an answer that nobody can
read), "stdout" (prints `message` and goes on), "interrupt" (Ctrl-C for the
parent, then "hang"). Where the file `once` is there already it goes on
without a failure; else it makes that file first.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.errors import Unsupported
from harness.measure.worker.answer import FILE
from harness.measure.worker.engine import Call, Engine, Reading

if TYPE_CHECKING:
    from harness.core.feeds import Rows
    from harness.measure.worker.request import Request


class FakeEngine(Engine):
    """Answers by a file; time passes only as the file says."""

    clock_name = "fake"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.now_ns = 0
        self.clock = lambda: self.now_ns
        self.rows = 0
        self.alone = 0
        self.answered: dict[int, tuple[int, int]] = {}  # feed -> its first row, how often it was answered
        self.calls = {"warmup": 0, "timing": 0}
        model = json.loads(Path(request.path).read_text())
        asked = {**request.session, **request.load}
        for case in model.get("cases", ()):
            if all(asked.get(axis) == value for axis, value in case["when"].items()):
                model |= case
        self.model: dict[str, Any] = model

    def enter(self, stage: str) -> None:
        """Fail here where the file says so."""
        super().enter(stage)
        self._fail_after(0)

    def _fail_after(self, calls: int) -> None:
        fail = self.model.get("fail", {})
        if fail.get("at") == self.stage and fail.get("after_calls", 0) == calls:
            self._fail(fail)

    def _fail(self, fail: dict[str, Any]) -> None:
        if "once" in fail:
            once = Path(fail["once"])
            if once.exists():
                return
            once.touch()
        match fail["how"]:
            case "raise":
                raise RuntimeError(fail.get("message", "the model says so"))
            case "unsupported":
                raise Unsupported(fail.get("message", "the model says so"))
            case "signal":
                os.kill(os.getpid(), signal.Signals[fail.get("signal", "SIGSEGV")])
            case "exit":
                os._exit(fail.get("code", 3))
            case "hang":
                threading.Event().wait()
            case "interrupt":
                os.kill(os.getppid(), signal.SIGINT)
                threading.Event().wait()
            case "garbage":
                Path(FILE).write_text("{not an answer")
                os._exit(0)
            case "stdout":
                print(fail.get("message", "noise"), flush=True)

    def load(self) -> dict[str, Any]:
        """Answer as if a runtime had been imported."""
        self._pass_time("import_ns", 0)
        version = self.model.get("version", "1.0")
        return {
            "distribution": "fake",
            "version": version,
            "build": "",
            "path": self.request.path,
            "available_providers": self._providers(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        }

    def _providers(self) -> list[str]:
        return list(self.model.get("providers", ["CPUExecutionProvider"]))

    def _pass_time(self, key: str, default: int) -> None:
        self.now_ns += self.model.get(key, default)

    def prepare(self) -> None:
        """There is nothing to check."""

    def create(self) -> None:
        """Let the time of a session's creation pass."""
        self._pass_time("session_ns", 1_000_000)

    def describe(self) -> dict[str, Any]:
        """Read back what was asked, but for what the file says."""
        names = ("graph_opt", "execution_mode", "intra_threads", "inter_threads", "config")
        asked = {name: self.request.session[name] for name in names}
        asked["intra_threads"] = asked["intra_threads"] or self.request.cores.threads
        return {
            "providers": self._providers(),
            "provider_options": {self._providers()[0]: self.request.session["provider_options"]},
            "options": {**asked, **self.model.get("options", {})},
            "inputs": [
                {"name": item.name, "dtype": item.dtype, "shape": list(item.shape)}
                for item in self.request.inputs
            ],
            "outputs": list(self.model.get("outputs", {})),
        }

    def bind(self, feeds: Sequence[Rows]) -> list[Call]:
        """Make calls that let time pass."""
        return [self._call for _ in feeds]

    def _call(self) -> None:
        if self.stage == "first_call":
            self._pass_time("first_call_ns", 5_000)
            return
        spans = self.model.get("call_ns", [1_000])
        if self.stage == "warmup":
            spans = self.model.get("warmup_ns", spans)
        number = self.calls.get(self.stage, 0)
        self.calls[self.stage] = number + 1
        self.now_ns += spans[number % len(spans)]
        self._fail_after(number + 1)

    def evaluate(self, feed: Rows) -> dict[str, np.ndarray | str]:
        """Answer the next rows of the file's outputs; to a feed of before, as before."""
        batch = self.request.load["batch"]
        first, again = self.answered.get(id(feed), (self.rows, 0))
        if any(len(array) == 1 < batch for array in feed.values() if array.ndim):  # a row alone
            first, batch = self.alone, 1
            self.alone += 1
        elif id(feed) not in self.answered:
            self.rows += batch
        self.answered[id(feed)] = first, again + 1
        found: dict[str, np.ndarray | str] = {}
        for name, values in self.model.get("outputs", {}).items():
            rows = [values[(first + i) % len(values)] for i in range(batch)]
            found[name] = np.asarray(rows, np.float32) + again * np.float32(self.model.get("varies", 0))
        return found

    def close(self) -> None:
        """There is nothing to drop."""

    def prove(self, feeds: Sequence[Rows], folder: Path) -> dict[str, Any]:
        """Answer what the file says of nodes and operators."""
        operators = self.model.get("operators", {"Fake": 1})
        assignment = self.model.get("assignment", {self._providers()[0]: operators})
        return {
            "assignment": {
                provider: {"nodes": sum(nodes.values()), "operators": nodes}
                for provider, nodes in assignment.items()
            },
            "assignment_from": "graph_assignment",
            "operators": operators,
            "unavailable": {},
            "arena_peak": self._reading("arena_peak"),
        }

    def device_memory(self) -> dict[str, Any]:
        """Give what the file says of a device."""
        return self._reading("device_peak")

    def _reading(self, phase: str) -> Reading:
        memory = self.model.get("memory", {})
        return {"bytes": memory[phase]} if phase in memory else {"unavailable": f"the file has no {phase}"}

    def resident(self, phase: str) -> Reading:
        """Answer the file's figure of `phase`."""
        return self._reading(phase)

    def reset_peak(self) -> str:
        """There is no counter to reset."""
        return ""

    def peak(self, phase: str) -> Reading:
        """Answer the file's figure of `phase`."""
        return self._reading(phase)

    def usage(self) -> dict[str, int]:
        """Count CPU time by the fake clock; nothing ever switches or faults."""
        return {"cpu_ns": self.now_ns, "voluntary": 0, "involuntary": 0, "minor": 0, "major": 0}
