"""Bring runs of several results folders (CI shards, machines) into one."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import InputError, StoreError
from harness.store.files import sync_folder, writing
from harness.store.header import HEADER, SEALED, run_folder, runs


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did, run by run."""

    copied: tuple[str, ...]
    present: tuple[str, ...]  # were there already, the same
    unfinished: tuple[str, ...]  # not sealed: left where they are


def merge(sources: Sequence[Path], into: Path) -> Merged:
    """Copy every sealed run of `sources` into the results folder `into`.

    Sealed runs never change, so merging is copying: again and in any order
    gives the same. Raises StoreError where two runs of the same identifier
    differ, InputError for a source without runs.
    """
    copied, present, unfinished = [], [], []
    for source in sources:
        found = runs(source)
        if not found:
            raise InputError(f"{source}: no runs in it; give a results folder, the one that holds 'runs'")
        for item in found:
            if not item.sealed:
                unfinished.append(item.run)
            elif _copy(item.folder, run_folder(into, item.run)):
                copied.append(item.run)
            else:
                present.append(item.run)
    return Merged(tuple(copied), tuple(present), tuple(unfinished))


def _copy(source: Path, target: Path) -> bool:
    """Copy one sealed run, whole or not at all; False where it was there already."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with writing(target):
        if not target.exists():
            part.mkdir(parents=True)
            try:
                for name in (SEALED, HEADER):
                    shutil.copyfile(source / name, part / name)
                    with (part / name).open("rb") as file:
                        os.fsync(file.fileno())
                sync_folder(part)
                part.rename(target)
                sync_folder(target.parent)
                return True
            finally:
                shutil.rmtree(part, ignore_errors=True)
    for name in (HEADER, SEALED):
        if not (target / name).exists() or not filecmp.cmp(source / name, target / name, shallow=False):
            raise StoreError(
                f"{target}: differs from {source} under the same identifier; neither was changed. "
                "Rename or remove one of them"
            )
    return False
