"""Gather what a report is made of, and write its files: whole, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from harness import store
from harness.compare.job import compare_runs, find_pair
from harness.core.decision import RunComparison, Trend
from harness.core.errors import InputError, NotFoundError, StoreError
from harness.core.hashing import hash_file
from harness.core.metrics import HEADLINE
from harness.core.record import Record
from harness.core.report import Report
from harness.history.job import history
from harness.profile.stored import StoredProfile, identity_of
from harness.report.compose import Gathered, compose
from harness.report.draw import draw
from harness.report.model import Chart, RunReport
from harness.report.palette import LIGHT
from harness.report.view import draw_html, draw_markdown
from harness.run.review import review
from harness.store.files import write_file

RUNS = 60
"""Stored runs that history goes back."""

KINDS = ("svg", "png", "pdf")

MAX_LINTED, MAX_LINTED_BYTES = 16, 1 << 28
"""Model files that are linted, and the size of one: a report is made in seconds."""


def gather(
    results_dir: Path,
    run: str = "latest",
    *,
    against: str | None = None,
    suite: str | None = None,
    contrast: RunComparison | None = None,
    report: Report | None = None,
) -> Gathered:
    """Read what is stored of `run`, of the run that it is compared with, and of earlier runs.

    Raises NotFoundError where there is no such run, or nothing in it; StoreError.
    """
    if against is None:
        info, base = store.find_run(results_dir, run, suite=suite), None
    else:
        base, info = find_pair(results_dir, against, run, suite)
    report = report or review(results_dir, info)
    if not report.records:
        raise NotFoundError(f"run {info.run} has no record yet: there is nothing to report")
    header = info.header
    return Gathered(
        run=info.run,
        suite=header.suite,
        suite_path=header.suite_path,
        started_at=header.started_at,
        finished_at=header.finished_at,
        commit=header.commit,
        dirty=header.dirty,
        harness=header.harness,
        command=header.command,
        machine=header.machine,
        environment=header.environment,
        report=report,
        contrast=compare_runs(results_dir, base, info) if base else contrast,
        trends=_trends(results_dir, info),
        lint=_lint(report.records),
        profiles=dict(_profiles(results_dir, report.records)),
        results=str(results_dir),
    )


def write_report(
    results_dir: str | Path,
    run: str,
    out: str | Path,
    *,
    against: str | None = None,
    contrast: RunComparison | None = None,
    report: Report | None = None,
) -> str:
    """Write the report of `run` as one HTML file; return its absolute path.

    `against` is a run to compare with; `contrast` is a comparison, and `report` what a view shows of the
    run, where they are known already. Raises NotFoundError, StoreError, InputError where `out` cannot be
    written.
    """
    made = compose(gather(Path(results_dir), run, against=against, contrast=contrast, report=report))
    return str(write_html(made, Path(out)))


def write_html(report: RunReport, out: Path) -> Path:
    """Write a report as one HTML file; return its absolute path. Raises InputError."""
    return _write(out, draw_html(report).encode("utf-8", "replace"))


def write_markdown(report: RunReport, out: Path) -> list[Path]:
    """Write a report as Markdown, and its charts as SVG in a folder beside it; return all files."""
    folder = out.with_name(f"{out.stem}-figures")
    files = write_figures(report, folder, ("svg",))
    text = draw_markdown(report, {chart.name: f"{folder.name}/{path.name}" for chart, path in files})
    return [_write(out, text.encode("utf-8", "replace")), *(path for _, path in files)]


def write_figures(report: RunReport, folder: Path, kinds: Sequence[str] = KINDS) -> list[tuple[Chart, Path]]:
    """Write every chart as a file of each of `kinds`; return each with its chart. Raises InputError."""
    names = _file_names(chart.name for chart in report.charts)
    return [
        (chart, _write(folder / f"{names[chart.name]}.{kind}", draw(chart, LIGHT, kind)))
        for chart in report.charts
        for kind in kinds
    ]


def _write(path: Path, content: bytes) -> Path:
    path = path.absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content)
    except OSError as error:
        raise InputError(
            f"{path}: cannot write the report: {error.strerror or error}; name another file"
        ) from error
    return path


def _file_names(names: Iterable[str]) -> dict[str, str]:
    """Give each chart a name that every file system takes, and no two the same."""
    given: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:80] or "chart"
        taken = set(given.values())
        given[name] = next(
            text for text in (plain, *(f"{plain}-{number}" for number in range(2, 9999))) if text not in taken
        )
    return given


def _trends(results_dir: Path, info: store.RunInfo) -> list[Trend]:
    """Read the history of the run's cases up to the run itself; none where nothing is stored."""
    header = info.header
    try:
        found = history(results_dir, [HEADLINE], suite=header.suite, machine=header.machine, last=RUNS)
    except NotFoundError:
        return []
    return [
        replace(trend, points=points)
        for trend in found
        if (points := tuple(point for point in trend.points if point.run <= info.run))
        and points[-1].run == info.run
    ]


def _profiles(results_dir: Path, records: Sequence[Record]) -> Iterator[tuple[str, StoredProfile]]:
    """Read what was profiled of the same file, settings and runtime on the same machine."""
    for record in records:
        of = identity_of(record)
        kept = None if of is None else store.read_profile(results_dir, of)
        if kept is not None:
            try:
                yield record.case, StoredProfile.from_json(kept)
            except (ValueError, KeyError, TypeError) as error:
                raise StoreError(
                    f"{results_dir}: the profile of {record.case} is of another version; profile it again"
                ) from error


def _lint(records: Sequence[Record]) -> dict[str, list[tuple[str, str]]]:
    """Look for what costs or breaks something in the model files that are still where they were built."""
    from harness.inspect.job import inspect

    found: dict[str, list[tuple[str, str]]] = {}
    seen: set[str] = set()
    for record in records:
        path, sha256 = Path(str(record.artifact.get("path") or "")), record.model_sha256
        if not sha256 or sha256 in seen or len(seen) >= MAX_LINTED:
            continue
        seen.add(sha256)
        name = f"{record.axes.get('model')}, {record.axes.get('precision')}"
        with suppress(InputError, OSError):  # the file is gone, or another one by now
            if (
                path.suffix == ".onnx"
                and path.stat().st_size <= MAX_LINTED_BYTES
                and hash_file(path) == sha256
            ):
                lint = inspect(path, record.runtime.version or None).lint
                found[name] = [(item.found, f"{item.why}; {item.todo}") for item in lint]
    return found
