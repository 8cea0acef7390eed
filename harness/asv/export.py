"""Hand stored records to asv, and build its dashboard: the one module that imports asv.

asv draws over commits. ``repo`` in asv.conf.json says which: a path that ends
in ``timeline.git`` is the harness's own (`harness.asv.timeline`, one commit a
run), anything else a repository whose commits were measured.

It is also a plugin: named under ``plugins`` in asv.conf.json, it completes
the pages that asv publishes (`Site`).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import TemporaryDirectory
from typing import Any

from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.machine import Machine
from asv.publishing import OutputPublisher
from asv.repo import NoSuchNameError, get_repo
from asv.results import Results, get_filename
from asv.runner import BenchmarkResult
from asv.util import ProcessError, UserError, load_json, write_json
from filelock import FileLock

from harness import store
from harness.asv import benchmarks as view
from harness.asv import timeline
from harness.asv.files import describe_machine, document, grid, join, merge, statistics
from harness.asv.site import render_runs, self_contained
from harness.asv.timeline import TimelineRun
from harness.core.errors import InputError, StoreError
from harness.core.record import Record
from harness.core.registry import closest
from harness.store import RunInfo
from harness.store.header import SEALED
from harness.store.integrity import require_sound
from harness.store.parquet import read_run

TIMELINE = "timeline.git"
REPORTS = 60
"""Reports of nightly jobs that the site keeps, the newest."""

VENDOR = Path(__file__).parent / "vendor"

Documents = dict[str, dict[str, Any]]
"""asv's benchmarks.json: name -> description."""


@dataclass(frozen=True, slots=True)
class Export:
    """What an export wrote, and what it did not."""

    runs: tuple[str, ...]
    left_out: Mapping[str, str]  # run -> why
    files: tuple[Path, ...]


def export(results_dir: Path, config: Path, names: Sequence[str] = (), suites: Sequence[str] = ()) -> Export:
    """Write stored runs as asv's results, beside what is there.

    `names` as `harness.store.find_run` knows them, all runs where empty;
    `suites` narrows them. Nothing that was exported before is lost: a value is
    only ever replaced by a newer one of the same cell at the same commit.
    Raises InputError, StoreError.
    """
    results_dir = results_dir.absolute()
    with configured(config) as conf, _locked(Path(conf.results_dir).absolute()) as target:
        infos, left_out = _choose(results_dir, names, suites)
        commits = _commits(conf, target, infos)
        left_out |= {info.run: _why_not(info) for info in infos if info.run not in commits}
        if not commits:
            run, why = next(iter(left_out.items()))
            raise InputError(f"nothing to export, of {len(left_out)} runs; {run}: {why}")
        documents, files = _documents(target), []
        for info in infos:
            if info.run in commits:
                lines = view.lines(_records(results_dir, info), found=not _keeps_timeline(conf))
                files += [_export(target, commits[info.run], *line, documents) for line in lines.items()]
        _save(target, "benchmarks.json", lambda part: _benchmarks(part, documents).save())
    return Export(tuple(commits), left_out, tuple(dict.fromkeys(files)))


def export_missing(results_dir: Path, config: Path, run: str) -> Export:
    """Write `run`, and every stored run that asv's results lack, so that the first dashboard has them all.

    Which are missing is known of the harness's own timeline; over other commits
    it is all runs the first time, and `run` from then on. Raises InputError, StoreError.
    """
    results_dir = results_dir.absolute()
    with configured(config) as conf:
        if not _keeps_timeline(conf) and _documents(Path(conf.results_dir)):
            return export(results_dir, config, [run])
        there = {night.run for night in timeline.read(Path(conf.repo))} if _keeps_timeline(conf) else set()
    missing = [info for info in store.runs(results_dir) if info.run not in there and not info.live]
    return export(results_dir, config, [run, *(info.run for info in missing if _is_sound(info))])


def _is_sound(info: RunInfo) -> bool:
    """Return whether a run can be read; one that cannot must not cost tonight's its place."""
    try:
        require_sound(info)
    except StoreError:
        return False
    return True


def publish(results_dir: Path, config: Path, last: int | None = None) -> Path:
    """Build the site, of the `last` commits only where given; give its folder.

    The old site stays until the new one is whole. Raises InputError, above
    all where a run is being measured: publishing takes every core.
    """
    results_dir = results_dir.absolute()
    for info in store.runs(results_dir):
        if info.live:
            raise InputError(
                f"run {info.run} is being measured; publish when it is done, for it takes the cores"
            )
    with configured(config) as conf, _locked(Path(conf.results_dir).absolute()) as target:
        if not _documents(target):
            raise InputError(f"{conf.results_dir}: nothing exported yet; say 'harness asv export' first")
        _check_results(target)
        if _keeps_timeline(conf):
            timeline.read(Path(conf.repo))
        site = Path(conf.html_dir).absolute()
        part, old = (site.with_name(f".{site.name}.{state}") for state in ("part", "old"))
        # A process of its own: asv forks workers, and the store may have left threads running in this one.
        command = [sys.executable, "-m", "asv", "publish", "--config", config.name, "--html-dir", str(part)]
        if last is not None:
            command += ["--", f"-n {last} {' '.join(branch or 'HEAD' for branch in conf.branches)}"]
        if (code := subprocess.run(command, stdout=2, check=False).returncode) != 0:
            rmtree(part, ignore_errors=True)
            raise InputError(f"asv publish ended with exit code {code}; its output is above")
        _write_runs(conf, part, _copy_reports(results_dir, part))
        rmtree(old, ignore_errors=True)
        if site.exists():
            site.rename(old)
        part.rename(site)
        rmtree(old, ignore_errors=True)
    return site


class Site(OutputPublisher):  # type: ignore[misc]
    """What the harness adds to asv's pages: a page that says what each run was, and no need of a network."""

    name = "runs"
    button_label = "Show runs"
    description = "What each commit of the timeline measured"
    order = 9

    @classmethod
    def publish(cls, conf: Config, repo: Any, benchmarks: Any, graphs: Any, revisions: Any) -> None:
        """Complete the site in `conf.html_dir`; asv calls this."""
        site = Path(conf.html_dir)
        page, vendored = self_contained((site / "index.html").read_text())
        (site / "index.html").write_text(page)
        for name in vendored:
            (site / name).parent.mkdir(exist_ok=True)
            copyfile(VENDOR / Path(name).name, site / name)
        _write_runs(conf, site, {})


def _write_runs(conf: Config, site: Path, reports: Mapping[str, str]) -> None:
    """Write the page that names the runs; `reports` has the address of each run's report."""
    if _keeps_timeline(conf):
        nights = reversed(timeline.read(Path(conf.repo)))
        rows = [{"Commit": night.commit, "Run": night.run, **dict(night.trailers)} for night in nights]
        (site / "runs.html").write_text(render_runs(conf.project, rows, reports))


def _copy_reports(results_dir: Path, site: Path) -> dict[str, str]:
    """Put the newest reports of nightly jobs into the site; return the address of each run's."""
    found = sorted((results_dir / "nightly").glob("*/report.html"))[-REPORTS:]
    for path in found:
        (site / "reports").mkdir(exist_ok=True)
        copyfile(path, site / "reports" / f"{path.parent.name}.html")
    return {path.parent.name: f"reports/{path.parent.name}.html" for path in found}


@contextmanager
def configured(config: Path) -> Iterator[Config]:
    """Read asv.conf.json, and change into its folder as asv does. Raises InputError for what asv refuses."""
    if not config.is_file():
        raise InputError(f"{config}: not found; 'harness asv export' without --config writes one")
    with chdir(config.parent):
        try:
            try:
                loaded = Config.load(config.name)
            except ValueError as error:
                raise InputError(f"{config}: not JSON: {error}") from error
            yield loaded
        except UserError as error:
            raise InputError(f"{config}: {error}") from error
        except ProcessError as error:
            reason = " ".join((error.stderr or "").split())
            raise StoreError(f"{config}: {error}{reason and f': {reason}'}") from error
        except OSError as error:
            why = f"{error.filename or config}: {error.strerror or error}"
            raise StoreError(f"{why}; free or unlock the disk, or name other folders in {config}") from error


@contextmanager
def _locked(target: Path) -> Iterator[Path]:
    """Keep other exports and publishers out of asv's results, and give their folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f"{target.name}.lock")):
        yield target


def _keeps_timeline(conf: Config) -> bool:
    return Path(conf.repo).name == TIMELINE


def _choose(
    results_dir: Path, names: Sequence[str], suites: Sequence[str]
) -> tuple[list[RunInfo], dict[str, str]]:
    """Find the runs to export, oldest first, and those that must wait."""
    found = [store.find_run(results_dir, name) for name in names] if names else store.runs(results_dir)
    known = {info.header.suite for info in found}
    for suite in suites:
        if suite not in known:
            raise InputError(f"no run of suite {suite!r}: {closest(suite, known)}")
    chosen = {info.run: info for info in found if not suites or info.header.suite in suites}
    if not chosen:
        raise InputError(f"{results_dir}: no runs yet; measure one with 'harness run SUITE'")
    live = {run: "it is being measured" for run, info in chosen.items() if info.live}
    return [chosen[run] for run in sorted(chosen) if run not in live], live


def _records(results_dir: Path, info: RunInfo) -> list[Record]:
    """Read the records of a run; of a sealed one straight from its file, for there may be years of them."""
    if not info.sealed:
        return store.records(results_dir, info.run)
    require_sound(info)
    return read_run(info.folder / SEALED)


def _commits(conf: Config, target: Path, infos: Sequence[RunInfo]) -> dict[str, TimelineRun]:
    """Find the place of each run on the x-axis; a run without a commit is not in the answer."""
    if _keeps_timeline(conf):
        return _on_timeline(Path(conf.repo), target, infos)
    repo, found = get_repo(conf), {}
    for info in infos:
        if info.header.dirty:
            continue
        try:
            commit = repo.get_hash_from_name(info.header.commit) if info.header.commit else None
            if commit:
                found[info.run] = TimelineRun(info.run, repo.get_date(commit) // 1000, "", commit=commit)
        except (NoSuchNameError, ProcessError):
            continue
    return found


def _why_not(info: RunInfo) -> str:
    """Return why a run has no commit to be drawn at."""
    return "measured with uncommitted changes" if info.header.dirty else "its commit is not in 'repo'"


def _on_timeline(repository: Path, target: Path, infos: Sequence[RunInfo]) -> dict[str, TimelineRun]:
    """Put runs on the timeline. Where one came late, the results after it move to their new commits."""
    before = {night.run: night.commit for night in timeline.read(repository)}
    after = {night.run: night for night in timeline.write(repository, timeline.nights(infos))}
    for run, commit in before.items():
        if after[run].commit != commit:
            for path in target.glob(f"*/{commit[:8]}-*.json"):
                _move(target, path, after[run].commit)
    return {info.run: after[info.run] for info in infos}


def _move(target: Path, path: Path, commit: str) -> None:
    """Give a file of results to another commit."""
    data = {**load_json(str(path)), "commit_hash": commit}
    relative = f"{path.parent.name}/{commit[:8]}{path.name[8:]}"
    _save(target, relative, lambda part: write_json(str(Path(part, relative)), data, compact=True))
    path.unlink()


def _export(
    target: Path, night: TimelineRun, line: tuple[str, str], records: Sequence[Record], documents: Documents
) -> Path:
    """Write the records of one line of one run; note their benchmarks in `documents`."""
    machine, runtime = line
    # Every key of params is a dimension of the dashboard for good: no kernel, no memory size.
    params = {"machine": machine, "runtime": runtime}
    found = sorted({str(record.runtime) for record in records if record.runtime})
    results = Results(params, {"found": ", ".join(found)}, night.commit, night.time_s * 1000, "", runtime, {})
    file = get_filename(machine, night.commit, runtime)
    with _read(target / file):
        results.load_data(str(target))
        known = {name: documents[name] for name in results.get_all_result_keys() if name in documents}
    started_at = min(filter(None, (record.started_at for record in records)), default="")
    time = datetime.fromisoformat(started_at) if started_at else datetime.fromtimestamp(night.time_s, UTC)
    for benchmark in view.benchmarks(records, known):
        _note(documents, document(benchmark))
        _add(results, benchmark, time)
    results._results = dict(sorted(results._results.items()))
    _describe_machine(target, machine, records[0].environment)
    return _save(target, file, results.save)


def _add(results: Results, benchmark: view.Benchmark, time: datetime) -> None:
    """Put a benchmark's cells among those that are there; the newer of two numbers stays."""
    name = benchmark.name
    there, new = _stored(results, name), benchmark.cells
    there_time = datetime.fromtimestamp((results.started_at.get(name) or 0) / 1000, UTC)
    cells = merge(new, there) if there_time > time else merge(there, new)
    params, row = grid(cells)
    answer = BenchmarkResult(
        result=[cell.value for cell in row],
        samples=[list(cell.samples) or None for cell in row],
        number=[None] * len(row),
        errcode=0,
        stderr="",
        profile=None,
    )
    described = {**document(benchmark), "params": params}
    results.add_result(described, answer, max(time, there_time), record_samples=True)
    # asv derives statistics from samples alone; these are the harness's own.
    results._stats[name] = [statistics(cell) for cell in row]


def _stored(results: Results, name: str) -> dict[view.Place, view.Cell]:
    """Read back the cells of a benchmark."""
    if name not in results.get_all_result_keys():
        return {}
    params = results.get_result_params(name)
    columns = (
        results.get_result_value(name, params),
        results.get_result_stats(name, params) if results._stats[name] else None,
        results.get_result_samples(name, params),
    )
    cells = {}
    for index, place in enumerate(product(*params)):
        value, stats, samples = (column[index] if column else None for column in columns)
        low, high = (stats["ci_99_a"], stats["ci_99_b"]) if stats else (None, None)
        cells[place] = view.Cell(value, low, high, tuple(samples or ()))
    return cells


def _note(documents: Documents, new: dict[str, Any]) -> None:
    """Add a benchmark to those that are known. Raises InputError where two would share a name."""
    name = new["name"]
    there = documents.get(name, new)
    if there.get("harness") != new["harness"]:
        both = " and ".join(repr(item.get("harness", {}).get("model")) for item in (there, new))
        raise InputError(f"models {both} are both {name!r} in asv; rename one")
    documents[name] = join(there, new)


def _describe_machine(target: Path, name: str, environment: Mapping[str, Any]) -> None:
    """Describe a machine once: a new kernel is no new machine."""
    if not (target / name / "machine.json").exists():
        machine = Machine()
        machine.__dict__.update(describe_machine(name, environment))
        _save(target, f"{name}/machine.json", machine.save)


def _documents(target: Path) -> Documents:
    path = Path(Benchmarks.get_benchmark_file_path(str(target)))
    if not path.is_file():
        return {}
    with _read(path):
        documents = dict(load_json(str(path), Benchmarks.api_version))
        for name, item in documents.items():
            if item["name"] != name or len(item["params"]) != len(item["param_names"]):
                raise ValueError(f"benchmark {name!r} is not what was written")
        return documents


def _check_results(target: Path) -> None:
    """Read what asv is about to. Raises StoreError, which names the first file that is damaged."""
    for path in sorted(target.glob("*/*.json")):
        with _read(path):
            if path.name != "machine.json":
                Results.load(str(path))
            elif not isinstance(load_json(str(path), Machine.api_version), dict):
                raise ValueError("not what was written")


@contextmanager
def _read(path: Path) -> Iterator[None]:
    """Name a file of results that is damaged, or another program's. Raises StoreError."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, UserError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise StoreError(
            f"{path}: cannot be read ({reason}); remove it, and export the runs again"
        ) from error


def _benchmarks(folder: str, documents: Documents) -> Benchmarks:
    conf = Config()
    conf.results_dir = folder
    return Benchmarks(conf, documents.values())


def _save(target: Path, relative: str, write: Callable[[str], None]) -> Path:
    """Let asv write `relative` into some folder, then put it in place whole."""
    path = target / relative
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, prefix=".asv-") as part:
            write(part)
            Path(part, relative).replace(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot write: {error.strerror or error}") from error
    return path
