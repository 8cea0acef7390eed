"""A fitted model of the user's, converted by a tool that is installed for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.build import files
from harness.build.converters.main import ARRAYS
from harness.build.opset import restate
from harness.build.origin import keep_answers, keep_rows
from harness.build.process import TIMEOUT_S, run_tool
from harness.build.sources import Asked, Written
from harness.build.sources.user_code import code_files, identify_code
from harness.core import tools
from harness.core.errors import Unsupported
from harness.core.tools import TOOLS, Tool

OPSET = 17
"""Where none is asked for: every runtime from 1.12 on loads it."""


@dataclass(frozen=True, slots=True)
class Converter:
    """``{target: "module:function" or "/absolute/file.py:function", zipmap: bool}``."""

    kind: str  # of the source, and of the tool in the table
    module: str  # in `harness.build.converters`
    answers: bool = True
    timeout_s: float = TIMEOUT_S - 60  # before the process that waits for it is ended

    def tool(self, options: Mapping[str, Any], asked: Asked) -> Tool:
        """Return what converts it. Raises Unsupported where another tool is asked for."""
        try:
            return tools.converter_of(self.kind, asked.converter, asked.packages)
        except ValueError as error:
            own = TOOLS[self.kind].distribution
            raise Unsupported(
                f"converter {asked.converter!r}: a {self.kind} source is converted by {own}: {error}"
            ) from error

    def identify(self, options: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
        """Hash the code of the function and what lies beside it."""
        if asked.exporter is not None:
            raise Unsupported(f"exporter {asked.exporter!r}: only a torch source is exported")
        rest = {key: value for key, value in options.items() if key != "target"}
        return {**identify_code(options["target"], self.kind), **rest}

    def write(self, options: Mapping[str, Any], asked: Asked, folder: Path) -> Written:
        """Let the tool convert, in a process of its own; keep how the original answers."""
        import numpy as np

        tool, rows = asked.tool or {}, asked.rows or {}
        own, _ = code_files(options["target"].rpartition(":")[0], self.kind)
        request = {
            "kind": self.kind,
            "converter": self.module,
            "who": tool["requirement"],
            "site": tool["path"],
            "target": options["target"],
            "options": dict(options),
            "opset": asked.opset or OPSET,
            "folder": str(folder.absolute()),
            "own": str(own.absolute()),
            "rows": rows.get("path"),
        }
        who = f"{tool['requirement']} with {Path(options['target']).name}"  # either may be at fault
        done = run_tool(tool["path"], "harness.build.converters.main", request, who, self.timeout_s)
        note = restate(folder / files.MODEL, asked.opset or OPSET)
        with np.load(folder / ARRAYS, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        (folder / ARRAYS).unlink()
        inputs, answers = (
            {name.removeprefix(mark): value for name, value in arrays.items() if name.startswith(mark)}
            for mark in ("in.", "out.")
        )
        if rows.get("path"):
            kept = {"rows": "data", **keep_answers(answers, folder)}
        else:
            name = f"rows of {Path(options['target']).name}"
            kept = {"rows": "own", **keep_rows(name, inputs, answers, rows["calibration"], folder)}
        return Written(
            files.MODEL,
            {"opset_passed": done["opset_passed"]},
            notes=(*done["notes"], *note),
            reads=done["reads"],
            origin={**kept, "counts": done["counts"], "unavailable": done["unavailable"]},
        )


SKLEARN = Converter("sklearn", "sklearn")
XGBOOST = Converter("xgboost", "xgboost")
LIGHTGBM = Converter("lightgbm", "lightgbm")
KERAS = Converter("keras", "keras")
TENSORFLOW = Converter("tensorflow", "tensorflow")
JAX = Converter("jax", "jax")
