"""Bring runs of several results folders (CI shards, machines) into one."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import InputError, StoreError
from harness.store.files import check_writable, sync_folder, writing
from harness.store.header import HEADER, SEALED, run_folder, survey
from harness.store.integrity import damage
from harness.store.profiles import merge_profiles


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did, run by run."""

    copied: tuple[str, ...]
    present: tuple[str, ...]  # were there already, the same
    unfinished: tuple[str, ...]  # not sealed: left where they are
    damaged: tuple[str, ...] = ()  # left where they are: a line each that names the file


def merge(sources: Sequence[Path], into: Path) -> Merged:
    """Copy every sealed run of `sources` into the results folder `into`.

    Sealed runs never change, so merging is copying: again and in any order
    gives the same; of profiles the newest stays. Raises StoreError where two runs of the same identifier
    differ, InputError for a source without runs. A run that is damaged is not copied.
    """
    copied, present, unfinished = [], [], []
    damaged: list[str] = []
    for source in sources:
        seen = survey(source)
        if not seen.runs and not seen.damaged:
            raise InputError(f"{source}: no runs in it; give a results folder, the one that holds 'runs'")
    check_writable(into)
    for source in sources:
        seen = survey(source)
        damaged += seen.damaged.values()
        for item in seen.runs:
            if not item.sealed:
                unfinished.append(item.run)
            elif wrong := damage(item):
                damaged.append(wrong)
            elif _copy(item.folder, run_folder(into, item.run)):
                copied.append(item.run)
            else:
                present.append(item.run)
        merge_profiles(source, into)
    return Merged(tuple(copied), tuple(present), tuple(unfinished), tuple(dict.fromkeys(damaged)))


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
