"""A run is found by what people call it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import store
from harness.core.errors import NotFoundError, SchemaError, StoreError

MakeRun = Callable[..., str]
FIRST, SECOND, THIRD = "20261121T010000Z-aaaaaa", "20261122T020000Z-bbbbbb", "20261122T030000Z-bcbcbc"


@pytest.fixture
def three(stored: MakeRun) -> None:
    stored(FIRST, commit="1111aaaa" + "0" * 32)
    stored(SECOND, commit="2222bbbb" + "0" * 32)
    stored(THIRD, commit="2222bbbb" + "0" * 32, sealed=False)


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("latest", THIRD),
        ("previous", SECOND),
        (FIRST, FIRST),
        ("20261121", FIRST),
        ("20261122T02", SECOND),
        ("2026-11-22", THIRD),
        ("2026-11-21", FIRST),
        ("1111aa", FIRST),
        ("2222bbbb", THIRD),
    ],
)
def test_a_run_is_found_by_name_prefix_date_and_commit(results: Path, text: str, run: str) -> None:
    assert store.find_run(results, text).run == run


def test_a_revision_means_a_run_without_uncommitted_changes_where_there_is_one(
    results: Path, stored: MakeRun
) -> None:
    commit, dirty = "1111aaaa" + "0" * 32, {"git": {"dirty": True}}
    stored(FIRST, commit=commit, environment={"git": {"dirty": False}})
    stored(SECOND, commit=commit, environment=dirty)
    stored(THIRD, commit="2222bbbb" + "0" * 32, environment=dirty)
    assert store.find_run(results, "1111aa").run == FIRST
    assert store.find_run(results, "2222bb").run == THIRD


@pytest.mark.usefixtures("three")
def test_an_ambiguous_beginning_lists_the_runs(results: Path) -> None:
    with pytest.raises(NotFoundError, match=f"'20261122' is the beginning of 2 runs: {THIRD}, {SECOND}"):
        store.find_run(results, "20261122")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("text", ["lastest", "2026-01-01", "3333", "", "--help", "a\0b", "HEAD~99999"])
def test_an_unknown_name_lists_the_newest_runs(results: Path, text: str) -> None:
    with pytest.raises(NotFoundError, match=f"or one of {THIRD}, {SECOND}, {FIRST}$"):
        store.find_run(results, text)


def test_an_empty_folder_says_how_to_get_a_run(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no runs yet; measure one with 'harness run SUITE'"):
        store.find_run(tmp_path, "latest")
    with pytest.raises(NotFoundError, match="no runs of suite 'quick' yet"):
        store.find_run(tmp_path, "latest", suite="quick")


def test_previous_means_the_same_suite_and_machine(results: Path, stored: MakeRun) -> None:
    stored(FIRST)
    stored(SECOND, machine="other")
    stored(THIRD)
    assert store.find_run(results, "previous").run == FIRST
    found = store.runs(results)
    assert store.previous(found, found[1]) is None
    with pytest.raises(NotFoundError, match=f"no run before {SECOND} of the same suite and machine"):
        store.find_run(results, "previous", machine="other")


def test_a_name_of_git_is_resolved_in_the_suites_repository(
    results: Path, stored: MakeRun, tmp_path: Path
) -> None:
    def git(*words: str) -> str:
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        answer = subprocess.run(
            ["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return answer.stdout.strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "one")
    git("tag", "v1")
    one = git("rev-parse", "HEAD")
    git("commit", "-q", "--allow-empty", "-m", "two")
    suite = str(tmp_path / "suite.yaml")
    stored(FIRST, commit=one, suite_path=suite)
    stored(SECOND, commit=git("rev-parse", "HEAD"), suite_path=suite)
    assert store.find_run(results, "v1").run == FIRST
    assert store.find_run(results, "HEAD").run == SECOND
    assert store.find_run(results, "HEAD~1").run == FIRST


def test_an_anchor_is_pinned_for_one_suite_on_one_machine(results: Path, stored: MakeRun) -> None:
    stored(FIRST)
    stored(SECOND, machine="other")
    stored(THIRD)
    with pytest.raises(NotFoundError, match="suite 'nightly' has no anchor on machine 'box'; pin one with"):
        store.find_run(results, "anchor")
    store.set_anchor(results, store.find_run(results, THIRD))
    store.set_anchor(results, store.find_run(results, SECOND))
    store.set_anchor(results, store.find_run(results, FIRST))
    assert store.anchor(results, "nightly", "box") == FIRST
    assert store.anchor(results, "nightly", "other") == SECOND
    assert store.anchor(results, "quick", "box") is None
    assert store.find_run(results, "anchor").run == FIRST
    assert {item.name for item in results.iterdir()} == {"anchors.json", "runs"}


def test_an_anchor_is_cleared_without_touching_the_others(results: Path, stored: MakeRun) -> None:
    stored(FIRST)
    stored(SECOND, machine="other")
    first, second = (store.set_anchor(results, store.find_run(results, run)) for run in (FIRST, SECOND))
    store.clear_anchor(results, first)
    assert store.anchors(results) == [second]
    store.clear_anchor(results, first)
    assert store.anchors(results) == [second]


def test_an_anchor_whose_run_is_gone_is_said(results: Path, stored: MakeRun) -> None:
    stored(FIRST)
    stored(SECOND)
    store.set_anchor(results, store.find_run(results, FIRST))
    (results / "runs" / FIRST).rename(results / "gone")
    with pytest.raises(NotFoundError, match=f"the anchor of suite 'nightly', run {FIRST}, is not in"):
        store.find_run(results, "anchor")


def test_a_damaged_or_newer_list_of_anchors_is_named(results: Path, stored: MakeRun) -> None:
    stored(FIRST)
    (results / "anchors.json").write_text("[]")
    with pytest.raises(StoreError, match=r"anchors\.json: not a list of anchors"):
        store.anchors(results)
    (results / "anchors.json").write_text(json.dumps({"schema": 9, "anchors": []}))
    with pytest.raises(SchemaError, match=r"anchors\.json: stored with schema 9"):
        store.anchors(results)
