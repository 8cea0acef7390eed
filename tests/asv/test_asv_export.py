"""Stored runs as asv's files."""

import json
import math
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import store
from harness.asv.export import export
from harness.asv.timeline import read
from harness.cli import main
from harness.core.errors import InputError, NotFoundError, StoreError
from harness.core.record import Status


def exported(results: Path, *names: str, **options: Any) -> Any:
    return export(results, results.parent / "asv.conf.json", names, **options)


def documents(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results / "asv" / "benchmarks.json").read_text())
    return {name: item for name, item in found.items() if name != "version"}


def lines(results: Path) -> dict[str, dict[str, Any]]:
    """Every file of results, by its path."""
    found = sorted((results / "asv").glob("*/*-*.json"))
    return {f"{path.parent.name}/{path.name[9:-5]}": json.loads(path.read_text()) for path in found}


def row(data: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(zip(data["result_columns"], data["results"][name], strict=False))


def test_a_run_becomes_a_file_and_its_benchmarks(results, stored, record, cell) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 0.002, "latency/p95": 0.003})])
    done = exported(results)
    assert (len(done.runs), done.left_out, len(done.files)) == (1, {}, 1)
    assert sorted(documents(results)) == ["nightly.net.latency_p50", "nightly.net.latency_p95"]
    (data,) = lines(results).values()
    p50, p95 = row(data, "nightly.net.latency_p50"), row(data, "nightly.net.latency_p95")
    assert p50["result"] == [0.002] and p50["samples"] == [[0.002, 0.002]]
    assert (p50["stats_ci_99_a"], p50["stats_ci_99_b"]) == ([0.00198], [0.00202])
    assert p95["result"] == [0.003] and p95.get("samples") is None and p95.get("stats_ci_99_a") is None


def test_every_night_is_a_point_at_its_own_date(results, stored, record, cell) -> None:
    for night in range(3):
        stored(results, night, [record(cell(), {"latency/p50": 0.002})])
    exported(results)
    nights = read(results / "timeline.git")
    points = {
        data["commit_hash"]: data["date"] for data in map(_load, (results / "asv" / "m1").glob("*-*.json"))
    }
    assert points == {night.commit: night.time_s * 1000 for night in nights}
    assert len(points) == 3


def _load(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text())
    return data


def test_exporting_twice_gives_the_same_bytes(results, stored, record, cell, fingerprint) -> None:
    for night in range(3):
        stored(
            results,
            night,
            [record(cell(batch=night + 1), {"latency/p50": 0.002}), record(cell("n2"), status=Status.FAILED)],
        )
    exported(results)
    before, commits = fingerprint(results / "asv"), read(results / "timeline.git")
    exported(results)
    assert fingerprint(results / "asv") == before
    assert read(results / "timeline.git") == commits


def test_a_run_that_comes_late_ends_as_if_it_had_come_in_time(
    results, stored, record, cell, fingerprint, tmp_path
) -> None:
    for night in (0, 2, 1):
        stored(results, night, [record(cell(), {"latency/p50": 0.002 + night})])
        exported(results, "latest" if night != 1 else "2026-01-02")
    late = fingerprint(results / "asv")
    for folder in ("asv", "timeline.git"):
        subprocess.run(["rm", "-r", str(results / folder)], check=True)
    exported(results)
    assert fingerprint(results / "asv") == late


def test_a_narrower_suite_erases_nothing(results, stored, record, cell) -> None:
    wide = [
        record(cell(model, batch=batch), {"latency/p50": 1.0}) for model in ("a", "b") for batch in (1, 8)
    ]
    stored(results, 0, wide)
    exported(results)
    stored(results, 1, [record(cell("a", batch=4), {"latency/p50": 1.0})])
    exported(results, "latest")
    found = documents(results)
    assert found["nightly.a.latency_p50"]["params"][3] == ["1", "4", "8"]
    assert found["nightly.b.latency_p50"]["params"][3] == ["1", "8"]
    assert len(list((results / "asv" / "m1").glob("*-*.json"))) == 2


def test_two_machines_and_two_runtimes_stay_lines_of_their_own(results, stored, record, cell) -> None:
    for night, machine in enumerate(("m1", "m2")):
        records = [
            record(
                cell(runtime=f"onnxruntime=={version}"),
                {"latency/p50": 1.0},
                version=version,
                machine=machine,
            )
            for version in ("1.31.0", "1.32.0")
        ]
        stored(results, night, records)
    exported(results)
    assert {path: data["params"] for path, data in lines(results).items()} == {
        f"{machine}/onnxruntime=={version}": {"machine": machine, "runtime": f"onnxruntime=={version}"}
        for machine in ("m1", "m2")
        for version in ("1.31.0", "1.32.0")
    }


def test_on_the_timeline_the_current_runtime_is_one_line_over_its_versions(
    results, stored, record, cell
) -> None:
    for night, version in enumerate(("1.31.0", "1.32.0")):
        stored(results, night, [record(cell(), {"latency/p50": 1.0}, version=version)])
    exported(results)
    assert list(lines(results)) == ["m1/current"]
    assert [dict(night.trailers)["Runtime"] for night in read(results / "timeline.git")] == [
        "current (1.31.0)", "current (1.32.0)"
    ]  # fmt: skip


def test_a_new_kernel_or_memory_is_no_new_line(results, stored, record, cell, fingerprint) -> None:
    for night, (kernel, ram) in enumerate((("6.1", 8e9), ("6.12", 16e9))):
        environment = {"kernel": kernel, "memory_total_bytes": ram, "os": f"Debian {kernel}"}
        stored(results, night, [record(cell(), {"latency/p50": 1.0}, environment=environment)])
        exported(results, "latest")
    keys = {
        key
        for data in map(_load, (results / "asv" / "m1").glob("*-*.json"))
        for key in data["params"].items()
    }
    assert keys == {("machine", "m1"), ("runtime", "current")}
    assert _load(results / "asv" / "m1" / "machine.json")["ram"] == "8 GB"


def test_failed_cells_are_null_and_skipped_ones_nan(results, stored, record, cell) -> None:
    statuses = [Status.OK, Status.FAILED, Status.SKIPPED, Status.UNSUPPORTED]
    records = [
        record(cell(batch=2**index), {"latency/p50": 1.0}, status=status)
        for index, status in enumerate(statuses)
    ]
    stored(results, 0, records)
    exported(results)
    (data,) = lines(results).values()
    measured, failed, skipped, unsupported = row(data, "nightly.net.latency_p50")["result"]
    assert measured == 1.0 and failed is None and math.isnan(skipped) and math.isnan(unsupported)


def test_a_failure_of_a_whole_model_is_a_benchmark_of_null(results, stored, record, cell) -> None:
    stored(results, 0, [record(cell(), status=Status.CRASHED)])
    exported(results)
    (data,) = lines(results).values()
    assert row(data, "nightly.net.latency_p50")["result"] is None
    assert documents(results)["nightly.net.latency_p50"]["params"] == [
        ["'default'"],
        ["'default'"],
        ["'auto'"],
        ["1"],
    ]


def test_only_the_suites_asked_for_are_exported(results, stored, record, cell) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 1.0})])
    other = stored(results, 1, [record(cell(), {"latency/p50": 1.0}, suite="quick")])
    assert exported(results, suites=["quick"]).runs == (other,)
    with pytest.raises(InputError, match="did you mean 'quick'"):
        exported(results, suites=["quikc"])


def test_a_run_that_is_being_measured_waits(results, stored, record, cell) -> None:
    done = stored(results, 0, [record(cell(), {"latency/p50": 1.0})])
    with store.new_run(results, store.Header(suite="nightly", machine="m1")) as journal:
        journal.append(record(cell(), {"latency/p50": 1.0}, run=journal.run))
        outcome = exported(results)
        assert outcome.runs == (done,)
        assert outcome.left_out == {journal.run: "it is being measured"}
        with pytest.raises(InputError, match="nothing to export, of 1 runs"):
            exported(results, journal.run)
    assert exported(results).runs == (done, journal.run)  # stopped, not sealed: what it has is shown


def test_without_runs_it_says_how_to_get_one(results) -> None:
    with pytest.raises(InputError, match="harness run SUITE"):
        exported(results)
    with pytest.raises(NotFoundError):
        exported(results, "latest")


def test_two_models_may_not_share_a_line_unseen(results, stored, record, cell) -> None:
    stored(
        results,
        0,
        [record(cell("res-net"), {"latency/p50": 1.0}), record(cell("res_net"), {"latency/p50": 1.0})],
    )
    with pytest.raises(InputError, match="'res-net' and 'res_net'"):
        exported(results)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let writes of this process fail beyond `size` bytes of a file, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_fails_leaves_the_old_file(
    results, stored, record, cell, fingerprint, repository, configure, tmp_path
) -> None:
    configure(tmp_path, repo=".")
    (commit,) = repository(1)
    stored(results, 0, [record(cell(), {"latency/p50": 1.0})], commit=commit)
    exported(results)
    before = fingerprint(results / "asv")

    with files_of_at_most(100), pytest.raises(StoreError, match="File too large"):
        exported(results)
    assert fingerprint(results / "asv") == before
    assert not list(results.glob(".asv-*"))


# Commits of somebody's own repository as the x-axis


def test_over_commits_a_run_stands_at_the_commit_that_it_measured(
    results, stored, record, cell, repository, configure, tmp_path
) -> None:
    configure(tmp_path, repo=".")
    commits = repository(2)
    for night, commit in enumerate(reversed(commits)):
        stored(results, night, [record(cell(), {"latency/p50": 1.0 + night})], commit=commit)
    exported(results)
    points = {data["commit_hash"]: row(data, "nightly.net.latency_p50")["result"] for data in _all(results)}
    assert points == {commits[1]: [1.0], commits[0]: [2.0]}
    assert not (results / "timeline.git").exists()


def _all(results: Path) -> list[dict[str, Any]]:
    return [_load(path) for path in sorted((results / "asv").glob("*/*-*.json"))]


def test_over_commits_two_versions_found_are_two_lines(
    results, stored, record, cell, repository, configure, tmp_path
) -> None:
    configure(tmp_path, repo=".")
    (commit,) = repository(1)
    for night, version in enumerate(("1.31.0", "1.32.0")):
        stored(results, night, [record(cell(), {"latency/p50": 1.0 + night}, version=version)], commit=commit)
    exported(results)
    values = {path: row(data, "nightly.net.latency_p50")["result"] for path, data in lines(results).items()}
    assert values == {"m1/onnxruntime==1.31.0": [1.0], "m1/onnxruntime==1.32.0": [2.0]}


def test_over_commits_a_later_run_replaces_only_what_it_measured(
    results, stored, record, cell, repository, configure, tmp_path
) -> None:
    configure(tmp_path, repo=".")
    (commit,) = repository(1)
    both = {"latency/p50": 1.0, "memory/peak": 5.0}
    stored(results, 0, [record(cell(), both), record(cell(batch=8), both)], commit=commit)
    newer = stored(
        results,
        1,
        [record(cell(), {"latency/p50": 2.0}), record(cell(batch=8), status="skipped")],
        commit=commit,
    )
    exported(results)
    expected = {"latency": [2.0, 1.0], "memory": [5.0, 5.0]}
    for names in ((), (newer,), ("20260101",)):
        exported(results, *names)
        (data,) = _all(results)
        found = {
            "latency": row(data, "nightly.net.latency_p50"),
            "memory": row(data, "nightly.net.memory_peak"),
        }
        assert {name: item["result"] for name, item in found.items()} == expected
        assert found["latency"]["samples"] == [[2.0, 2.0], [1.0, 1.0]]
        assert found["latency"]["stats_ci_99_a"] == [1.98, 0.99]


def test_over_commits_a_run_without_one_is_left_out_and_said(
    results, stored, record, cell, repository, configure, tmp_path
) -> None:
    configure(tmp_path, repo=".")
    (commit,) = repository(1)
    stored(results, 0, [record(cell(), {"latency/p50": 1.0})], commit=commit)
    none = stored(results, 1, [record(cell(), {"latency/p50": 1.0})])
    gone = stored(results, 2, [record(cell(), {"latency/p50": 1.0})], commit="0" * 40)
    assert exported(results).left_out == dict.fromkeys((none, gone), "its commit is not in 'repo'")
    with pytest.raises(InputError, match=f"{none}: its commit is not in 'repo'"):
        exported(results, none)


def test_over_commits_a_run_of_uncommitted_changes_is_left_out_and_said(
    results, stored, record, cell, repository, configure, tmp_path
) -> None:
    configure(tmp_path, repo=".")
    (commit,) = repository(1)
    of_it, other = (
        stored(
            results,
            night,
            [record(cell(), {"latency/p50": 1.0 + night})],
            commit=commit,
            environment={"git": {"commit": commit, "dirty": bool(night)}},
        )
        for night in (0, 1)
    )
    done = exported(results)
    assert (done.runs, done.left_out) == ((of_it,), {other: "measured with uncommitted changes"})


def test_what_asv_cannot_read_or_write_is_one_line(results, stored, record, cell, configure) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 1.0})])
    configure(results.parent, repo="file:///proc/nowhere", dvcs="git")
    with pytest.raises(StoreError, match=r"json: Command '.*git clone .* status 128: .*fatal: .*$"):
        exported(results)
    configure(results.parent, results_dir="/proc/nowhere/asv")
    with pytest.raises(StoreError, match="free or unlock the disk, or name other folders in"):
        exported(results)


# The command


def test_the_command_says_what_it_did(results, stored, record, cell, capsys) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 1.0})])
    config = str(results.parent / "asv.conf.json")
    assert main(["asv", "export", "latest", "--results", str(results), "--config", config]) == 0
    assert capsys.readouterr().out == "exported 1 run to 1 file of asv's\n"


def test_a_missing_configuration_is_one_line(tmp_path, capsys) -> None:
    assert main(["asv", "export", "--config", str(tmp_path / "none.json")]) == 2
    assert "none.json: not found; 'harness asv export' without --config writes one" in capsys.readouterr().err


def test_without_a_configuration_one_is_written(results, stored, record, cell, capsys, monkeypatch) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 1.0})])
    (results.parent / "asv.conf.json").unlink()
    monkeypatch.chdir(results.parent)
    assert main(["asv", "export", "--results", str(results)]) == 0
    out, err = capsys.readouterr()
    assert "wrote asv.conf.json" in err
    assert out == "exported 1 run to 1 file of asv's\n"
    assert main(["asv", "export", "--results", str(results)]) == 0
    assert capsys.readouterr().err == ""


def test_a_folder_without_runs_gets_no_configuration(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["asv", "export"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_broken_configuration_is_one_error(tmp_path, capsys) -> None:
    (tmp_path / "asv.conf.json").write_text('{"version": 1, "project": "p"}')
    assert main(["asv", "export", "--config", str(tmp_path / "asv.conf.json")]) == 2
    assert "No repo specified" in capsys.readouterr().err


def test_without_asv_it_says_what_to_install(results) -> None:
    script = """
import sys
sys.modules["asv"] = None
from harness.cli import main
sys.exit(main(["asv", "export"]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=results.parent)
    assert done.returncode == 2
    assert done.stderr == "error: asv is not installed; say pip install asv==0.6.6 asv_runner==0.3.2\n"


def test_one_module_imports_asv() -> None:
    import ast

    import harness

    package = Path(harness.__file__).parent
    importing = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name.split(".")[0] in ("asv", "asv_runner") for name in names):
                importing.add(str(path.relative_to(package)))
    assert importing == {"asv/export.py"}


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 2, "x": 1}', '{"version": 2, "x": {"name": 1}}'])
def test_a_damaged_list_of_benchmarks_is_named(results, stored, record, cell, content) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 0.002})])
    exported(results)
    (results / "asv" / "benchmarks.json").write_text(content)
    with pytest.raises(StoreError, match=r"benchmarks\.json: cannot be read .*export the runs again"):
        exported(results)


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 2}', '{"version": 2, "results": 1}'])
def test_a_damaged_file_of_results_is_named(results, stored, record, cell, content) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 0.002})])
    (path,) = exported(results).files
    path.write_text(content)
    with pytest.raises(StoreError, match=rf"{path.name}: cannot be read .*export the runs again"):
        exported(results)
