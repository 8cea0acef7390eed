"""Give names to nodes that have none of their own: a profile tells nodes apart by their names alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from harness.build import files

if TYPE_CHECKING:
    import onnx


def name_nodes(graph: onnx.GraphProto, taken: set[str] | None = None) -> int:
    """Name each node without a name of its own by what it computes; return how many there were.

    Bodies of control flow are named too. `taken` are names that are given already.
    """
    taken = set() if taken is None else taken
    given = 0
    for node in graph.node:
        if not node.name or node.name in taken:
            node.name = _free(f"({next(filter(None, node.output), node.op_type)})", taken)
            given += 1
        taken.add(node.name)
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                given += name_nodes(body, taken)
    return given


def _free(name: str, taken: set[str]) -> str:
    tried, number = name, 1
    while tried in taken:
        number += 1
        tried = f"{name}#{number}"
    return tried


def named(path: Path, folder: Path) -> tuple[Path, int]:
    """Return a model all of whose nodes have names, and how many got one: itself, or a copy in `folder`.

    Raises Failed where it is no model, OSError where the copy cannot be written.
    """
    import onnx

    model = files.parse(path)
    given = name_nodes(model.graph)
    if not given:
        return path, 0
    for location in files.external_files(model):
        beside = folder / location
        beside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files.locate(path, location), beside)
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / files.MODEL)
    return folder / files.MODEL, given
