"""What the cache holds is listed with its size and age; pruning leaves alone what a job fills or uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from harness.build import cache as build_cache
from harness.cache.decide import choose, in_use
from harness.cache.job import contents, prune
from harness.cache.model import Kept
from harness.plan import plan
from harness.run import lease
from harness.run.bench import open_bench

DAY_S = 86_400
Call = Callable[..., tuple[int, str, str]]


class Job:
    """Something that takes a lease for as long as it lives."""


def make(cache_dir: Path, name: str, size: int = 1_000, age_s: float = 0) -> Path:
    """Put an artifact into the cache that was last used `age_s` ago."""

    def write(folder: Path) -> dict[str, Any]:
        (folder / "model.onnx").write_bytes(b"x" * size)
        return {"provenance": {"source": {"kind": "zoo", "name": name}}}

    entry = build_cache.fetch(cache_dir, "artifacts", {"name": name}, write)
    then = time.time() - age_s
    os.utime(entry.folder / "entry.json", (then, then))
    return entry.folder


def kept(name: str, size_bytes: int, used_at: float) -> Kept:
    return Kept("artifacts", name, "", f"/{name}", size_bytes, used_at)


def test_conditions_are_all_to_be_met_and_the_largest_comes_first() -> None:
    found = [kept("old", 10, 0), kept("new", 99, 900), kept("large", 50, 100)]
    names = lambda **how: [item.name for item in choose(found, 1_000.0, **how)]  # noqa: E731
    assert names(older_than_s=500, larger_than_bytes=None) == ["large", "old"]
    assert names(older_than_s=None, larger_than_bytes=49) == ["new", "large"]
    assert names(older_than_s=500, larger_than_bytes=10) == ["large"]


def test_what_was_used_since_the_oldest_job_began_is_in_use() -> None:
    assert [in_use(used, 5.0) for used in (4.0, 5.0, 6.0)] == [False, True, True]
    assert not in_use(6.0, None)


def test_the_list_says_what_each_folder_is(tmp_path: Path) -> None:
    make(tmp_path, "vgg19", 5_000, 3 * DAY_S)
    (tmp_path / "runtimes" / "onnxruntime-1.22.1-ab").mkdir(parents=True)
    facts = {"requirement": "onnxruntime==1.22.1"}
    (tmp_path / "runtimes" / "onnxruntime-1.22.1-ab" / "runtime.json").write_text(json.dumps(facts))
    (tmp_path / "tmp" / "draft").mkdir()
    model, runtime, draft = contents(tmp_path)
    assert (model.kind, model.what) == ("artifacts", "zoo vgg19")
    assert 5_000 < model.size_bytes < 6_000
    assert time.time() - model.used_at == pytest.approx(3 * DAY_S, abs=60)
    assert (runtime.kind, runtime.what) == ("runtimes", "onnxruntime==1.22.1")
    assert (draft.kind, draft.what) == ("tmp", "unfinished")


def test_an_empty_cache_has_nothing(tmp_path: Path) -> None:
    assert contents(tmp_path / "nowhere") == ()
    assert not (tmp_path / "nowhere").exists()


def test_use_is_stamped(tmp_path: Path) -> None:
    make(tmp_path, "m", age_s=9 * DAY_S)
    build_cache.fetch(tmp_path, "artifacts", {"name": "m"}, lambda folder: pytest.fail("made again"))
    (found,) = contents(tmp_path)
    assert time.time() - found.used_at < 60


def test_a_pruned_artifact_is_gone_and_made_again(tmp_path: Path) -> None:
    folder = make(tmp_path, "m")
    (done,) = prune(tmp_path, contents(tmp_path))
    assert done.refused == ""
    assert not folder.exists()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert make(tmp_path, "m") == folder


def test_what_is_being_made_stays(tmp_path: Path) -> None:
    folder = make(tmp_path, "m")
    with FileLock(tmp_path / "locks" / f"{folder.name}.lock"):
        (done,) = prune(tmp_path, contents(tmp_path))
    assert done.refused == "being made or used at this moment"
    assert folder.exists()


def test_what_a_living_job_took_stays_and_what_it_did_not_goes(tmp_path: Path) -> None:
    job = Job()
    unused = make(tmp_path, "unused", age_s=60)
    lease.take(job, tmp_path)
    used = make(tmp_path, "used")
    done = {Path(item.kept.folder): item.refused for item in prune(tmp_path, contents(tmp_path))}
    assert done == {used: "in use by a running job", unused: ""}
    del job
    assert lease.oldest(tmp_path) is None
    assert [item.refused for item in prune(tmp_path, contents(tmp_path))] == [""]


def test_a_job_in_another_process_counts_until_it_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from harness.run import lease\n"
        "class Job: pass\n"
        "job = Job(); lease.take(job, Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        folder = make(tmp_path, "m")
        assert [item.refused for item in prune(tmp_path, contents(tmp_path))] == ["in use by a running job"]
        process.kill()
        process.wait()
    assert [item.refused for item in prune(tmp_path, contents(tmp_path))] == [""]
    assert not folder.exists()
    assert list((tmp_path / "locks").glob("*.lease")) == []


def test_the_command_shows_and_prunes(harness: Call, tmp_path: Path) -> None:
    old, new = make(tmp_path, "old", 3_000, 40 * DAY_S), make(tmp_path, "new")
    code, out, err = harness("cache", "--cache", tmp_path)
    assert code == 0
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        ["artifacts", "zoo", "new"],
        ["artifacts", "zoo", "old"],
    ]
    assert "40 d ago" in out
    assert "2 folders" in err
    code, out, err = harness("cache", "prune", "--cache", tmp_path, "--older-than", "30d", "--yes")
    assert code == 0
    assert "zoo old" in out
    assert "removed 1 folder" in err
    assert (old.exists(), new.exists()) == (False, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say what to remove"),
        (["--older-than", "soon"], "--older-than: expected a duration"),
        (["--larger-than", "-1"], "--larger-than: expected 0 or more"),
        (["--larger-than", "1"], "say --yes"),
    ],
)
def test_a_mistake_removes_nothing(harness: Call, tmp_path: Path, arguments: list[str], words: str) -> None:
    folder = make(tmp_path, "m")
    code, out, err = harness("cache", "prune", "--cache", tmp_path, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert folder.exists()


def test_a_bench_holds_a_lease_for_as_long_as_it_lives(suite: Callable[..., Path], tmp_path: Path) -> None:
    bench = open_bench(plan(suite()).suite, tmp_path / "cache", tmp_path, {})
    assert lease.oldest(tmp_path / "cache") is not None
    del bench
    assert lease.oldest(tmp_path / "cache") is None
