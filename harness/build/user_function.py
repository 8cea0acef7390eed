"""Call a function of the user's that a source names; what it raises is theirs and named so.

Used in the process of a tool as well: imports the standard library alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.build.check import first_line
from harness.core.errors import Failed


def find_function(target: str, kind: str) -> Callable[[], Any]:
    """Import what ``module:function`` or ``file.py:function`` names, of a source of `kind`. Raises Failed."""
    module_name, _, function_name = target.rpartition(":")
    function: Callable[[], Any] | None = getattr(_import(module_name, kind), function_name, None)
    if not callable(function):
        raise Failed(f"{kind} source: {module_name} has no function {function_name!r}")
    return function


def call(function: Callable[[], Any], target: str, kind: str) -> Any:
    """Call it. Raises Failed with what it raised."""
    try:
        return function()
    except (Exception, SystemExit) as error:  # the user's own code
        raise Failed(f"{kind} source: {target} raised {type(error).__name__}: {first_line(error)}") from error


def _import(name: str, kind: str) -> ModuleType:
    """Import by path or by name, with the folder of either on the path as `python` has it."""
    try:
        if not name.endswith(".py"):
            sys.path.insert(0, str(Path.cwd()))
            return importlib.import_module(name)
        sys.path.insert(0, str(Path(name).parent))
        spec = importlib.util.spec_from_file_location(Path(name).stem, name)
        assert spec is not None and spec.loader is not None  # it ends in .py
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's own code
        raise Failed(
            f"{kind} source: importing {name} raised {type(error).__name__}: {first_line(error)}"
        ) from error
    return module
