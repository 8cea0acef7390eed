"""Find the first of several sizes at which a model runs, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.core.inputs import Fill, Input
from harness.core.units import format_signal

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Fit:
    """Which candidate ran, and why those before it did not."""

    chosen: int | None  # None: none ran
    errors: tuple[str, ...]  # of each candidate that was tried and did not run
    bindable: bool = True  # False: an output has another rank than the model declares
    opened: bool = True  # False: the model was not even loaded, and `errors` says why

    @property
    def why(self) -> str:
        """The first refusal, in the runtime's words; empty where nothing was tried."""
        return self.errors[0] if self.errors else ""


def first_fit(
    model: Path,
    inputs: Sequence[Input],
    candidates: Sequence[Mapping[str, int]],
    *,
    fills: Sequence[Mapping[str, Fill]] = (),
    batch_dim: str | None = None,
    custom_ops: Sequence[str] = (),
    timeout_s: float = TIMEOUT_S,
) -> Fit:
    """Run `model` once at each of `candidates` (dimension -> size), until one runs.

    `fills` are as many: what the inputs that are arguments hold at each.

    A process that dies at one of them is started again behind it. Raises OSError
    where no process can be started.
    """
    errors: list[str] = []
    with tempfile.TemporaryDirectory(prefix=f"harness-{os.getpid()}-") as folder:
        while len(errors) < len(candidates):
            request = Path(folder, "request.json")
            request.write_text(
                json.dumps(
                    {
                        "path": str(model.absolute()),
                        "inputs": [asdict(item) for item in inputs],
                        "candidates": [dict(sizes) for sizes in candidates[len(errors) :]],
                        "fills": [dict(values) for values in fills[len(errors) :]],
                        "batch_dim": batch_dim,
                        "custom_ops": list(custom_ops),
                    }
                )
            )
            answers, ended = _run(request, timeout_s)
            refused = answers[0]["refused"] if answers else ended
            if refused:  # no size will mend that
                return Fit(None, (*errors, refused), opened=False)
            for answer in answers[1:]:
                if not answer["error"]:
                    return Fit(len(errors), tuple(errors), answer["bindable"])
                errors.append(answer["error"])
            if len(errors) < len(candidates):
                errors.append(ended)
    return Fit(None, tuple(errors))


def _run(request: Path, timeout_s: float) -> tuple[list[dict[str, Any]], str]:
    """Return the lines that the process left, and how it ended."""
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH", "")])]
    command = [sys.executable, "-P", "-m", "harness.measure.worker.fit", str(request), str(os.getpid())]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=request.parent, env=environment
    ) as worker:
        try:
            out, err = worker.communicate(timeout=timeout_s)
            ended = _how(worker.returncode, err.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            worker.kill()
            out, _ = worker.communicate()
            ended = f"not done after {timeout_s:g} s"
        except BaseException:
            worker.kill()
            raise
    return [json.loads(line) for line in out.splitlines() if line.startswith(b"{")], ended


def _how(code: int, stderr: str) -> str:
    if code < 0:
        return f"the process died of {format_signal(-code)}"
    lines = [line for line in stderr.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"the process ended with exit code {code}"
