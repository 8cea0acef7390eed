"""A function of the user's that a source names: which files it is made of."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

from harness.build.cache import combine
from harness.core.errors import Failed
from harness.core.hashing import hash_file


def identify_code(target: str, kind: str) -> dict[str, str]:
    """Hash the code of ``module:function`` or ``/absolute/file.py:function``, and what lies beside it.

    Of a file: every .py of its folder, and the files whose name starts with
    its own (``encoder.py``: ``encoder_weights.npz``). Of a package: all of its
    .py files. The folder is part of it because a copy of the code elsewhere reads
    other files. `kind` names the source in errors. Raises Failed.
    """
    module, _, function = target.rpartition(":")
    folder, sources = code_files(module, kind)
    hashes = {str(path.relative_to(folder)): hash_file(path) for path in sources}
    name = Path(module).name if module.endswith(".py") else module
    return {"target": f"{name}:{function}", "folder": str(folder.absolute()), "sha256": combine(hashes)}


def code_files(module: str, kind: str) -> tuple[Path, list[Path]]:
    """Return a module's folder and the files that it is made of. Raises Failed where there is none."""
    if module.endswith(".py"):
        path = Path(module)
    else:
        spec = PathFinder.find_spec(module.partition(".")[0], [str(Path.cwd()), *sys.path])
        if spec is None or spec.origin is None:
            raise Failed(f"{kind} source: no module {module!r} here or among the installed packages")
        path = Path(spec.origin)
        if spec.submodule_search_locations:
            return path.parent, sorted(path.parent.rglob("*.py"))
    if not path.is_file():
        raise Failed(f"{kind} source: {path}: no such file")
    beside = (item for item in path.parent.iterdir() if item.is_file())
    files = sorted(item for item in beside if item.suffix == ".py" or item.name.startswith(path.stem))
    return path.parent, files
