"""Look at the models, and write all files or none."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.core.errors import CaseError, InputError
from harness.init.compose import ASV, CONFIG, GITHUB, GITLAB, HEADER, SUITE, fill, names, suite
from harness.init.model import Setup, SuiteEntry
from harness.plan import dump, plan_document
from harness.plan.starters import FOLDER as STARTERS
from harness.run.assume import assume

TEMPLATES = {ASV: "asv.conf.json", GITHUB: "github.yml", GITLAB: "gitlab.yml"}
MOST_FOUND = 20
"""Models that are taken into the suite without being named."""

INSTEAD = SuiteEntry(
    "squeezenet",
    {"zoo": "squeezenet"},
    notes=("no .onnx file was named or found: the suite measures squeezenet; put your own in its place",),
)


def init(
    folder: Path,
    models: Sequence[Path],
    bound: Mapping[str, int],
    source: str | None,
    *,
    custom_ops: Sequence[str] = (),
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    force: bool = False,
) -> Setup:
    """Write a suite of `models` and what runs it every night into `folder`.

    Without `models`, those that lie in `folder` or the folders in it. `bound` are sizes of
    dimensions, `inputs` values of inputs that are no data; the rest is assumed. `custom_ops` are
    libraries that the models need. `source` is what CI installs the harness from; None: what this
    installation came from, where that is a URL. Raises InputError, and then nothing was written.
    """
    from harness.plan.files import why_missing

    entries = [*_entries(folder, models or found(folder), bound, custom_ops, inputs or {})] or [INSTEAD]
    source = installed_from() if source is None else source
    if "\n" in source or "${{" in source:
        raise InputError("--harness: expected what pip installs from: a git URL or a path")
    for library in custom_ops:
        if reason := why_missing(Path(library), library):
            raise InputError(f"--custom-ops: {reason}")
    libraries = [_from_suite(folder, Path(library)) for library in custom_ops]
    _check(folder, entries, libraries)
    here = Path(__file__).parent / "templates"
    templates = {name: (here / file).read_text() for name, file in TEMPLATES.items()}
    config = (STARTERS / CONFIG).read_text()
    files = {
        SUITE: HEADER + dump(suite(entries, f"../{CONFIG}", libraries)),
        CONFIG: "".join(
            line for line in config.splitlines(keepends=True) if "yaml-language-server" not in line
        ),
        **fill(templates, _project(folder), source),
    }
    notes = [note for item in entries for note in item.notes]
    notes += [_outside(folder, Path(library), library) for library in custom_ops]
    overwritten = write(folder, files, force=force)
    return Setup(tuple(files), overwritten, tuple(filter(None, notes)), source)


def _from_suite(folder: Path, path: Path) -> str:
    """Return a path as the suite has it: relative to its folder."""
    return os.path.relpath(path.absolute(), (folder / SUITE).absolute().parent)


def _outside(folder: Path, path: Path, name: str) -> str:
    """Return a note where a file lies outside the project; else nothing."""
    if path.resolve().is_relative_to(folder.resolve()):
        return ""
    return f"{name}: {path} lies outside {folder}, where CI will not find it"


def write_asv_config(folder: Path) -> Path:
    """Write asv's configuration alone into `folder`, where there is none. Raises InputError."""
    text = (Path(__file__).parent / "templates" / TEMPLATES[ASV]).read_text()
    write(folder, fill({ASV: text}, _project(folder), ""))
    return folder / ASV


def _project(folder: Path) -> str:
    return folder.absolute().name or "models"


def found(folder: Path) -> list[Path]:
    """Return the model files in `folder` and the folders in it. Raises InputError where they are many."""
    paths = sorted(
        path
        for pattern in ("*.onnx", "*/*.onnx")
        for path in folder.glob(pattern)
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    )
    if len(paths) > MOST_FOUND:
        raise InputError(f"{len(paths)} .onnx files in {folder}: name those to measure with --model")
    return paths


def installed_from() -> str:
    """Return the URL that this installation came from, as pip noted it (PEP 610); empty where it is none."""
    try:
        text = metadata.distribution("onnx-harness").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return ""
    facts = json.loads(text or "{}")
    url = str(facts.get("url", ""))
    if url.startswith("file:"):  # of this machine
        return ""
    if vcs := facts.get("vcs_info"):
        return f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return url


def _entries(
    folder: Path,
    models: Sequence[Path],
    bound: Mapping[str, int],
    custom_ops: Sequence[str],
    values: Mapping[str, Mapping[str, Any]],
) -> Iterator[SuiteEntry]:
    from harness.build.reading import read_onnx
    from harness.plan.files import why_missing

    for name, path in zip(
        names([(item.absolute().parent.name, item.stem) for item in models]), models, strict=True
    ):
        if reason := why_missing(path, str(path)):
            raise InputError(reason)
        try:
            inputs = read_onnx(path).inputs
        except CaseError as error:
            message = str(error)
            raise InputError(message if message.startswith(str(path)) else f"{path}: {message}") from error
        own = {str(size) for item in inputs for size in item.shape}
        own |= {f"{item.name}[{axis}]" for item in inputs for axis in range(len(item.shape))}
        given = {key: size for key, size in bound.items() if key in own}
        own_values = {item.name: values[item.name] for item in inputs if item.name in values}
        assumed = assume(path, given, custom_ops=custom_ops, inputs=own_values)
        notes = [f"{name}: {assumed.what}"] if assumed.sizes or assumed.axes or assumed.fills else []
        notes += filter(None, [_outside(folder, path, name)])
        place = _from_suite(folder, path)
        shapes, filled = {**given, **assumed.sizes}, {**own_values, **assumed.inputs}
        yield SuiteEntry(name, {"onnx": place}, shapes, assumed.axes, filled, tuple(notes))


def _check(folder: Path, entries: Sequence[SuiteEntry], libraries: Sequence[str]) -> None:
    """Plan the suite before it is written. Raises SuiteError."""
    base = (folder / SUITE).absolute().parent
    absolute = [os.path.normpath(base / library) for library in libraries]
    whole = suite(entries, "nightly", absolute)
    for entry in whole["models"].values():
        if "onnx" in entry["source"]:
            entry["source"] = {"onnx": os.path.normpath(base / entry["source"]["onnx"])}
    plan_document(whole, base, "nightly")


def write(folder: Path, files: Mapping[str, str], *, force: bool = False) -> tuple[str, ...]:
    """Write every file or none; return those that were there. Raises InputError."""
    there = tuple(name for name in files if os.path.lexists(folder / name))
    if there and not force:
        raise InputError(
            f"in {folder}: {', '.join(there)} {'is' if len(there) == 1 else 'are'} there already; "
            "nothing was written; --force writes over"
        )
    drafts: list[tuple[Path, Path]] = []
    try:
        for name, text in files.items():
            path = folder / name
            if path.is_dir():
                raise IsADirectoryError(None, "is a folder", str(path))
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.draft")
            drafts.append((draft, path))
            draft.write_text(text, encoding="utf-8")
        for draft, path in drafts:
            draft.replace(path)
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}; nothing was written") from error
    finally:
        for draft, _ in drafts:
            with suppress(OSError):
                draft.unlink()
    return there
