"""Runs of several folders come together by copying; nothing is overwritten."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import store
from harness.core.errors import InputError, StoreError

MakeRun = Callable[..., str]
FIRST, SECOND = "20261121T000000Z-aaaaaa", "20261122T000000Z-bbbbbb"


def test_sealed_runs_are_copied_once_and_unfinished_ones_stay(
    results: Path, stored: MakeRun, tmp_path: Path
) -> None:
    stored(FIRST)
    stored(SECOND, sealed=False)
    into = tmp_path / "into"
    assert store.merge([results], into) == store.Merged((FIRST,), (), (SECOND,))
    assert store.merge([results, results], into) == store.Merged((), (FIRST, FIRST), (SECOND, SECOND))
    assert [item.run for item in store.records(into)] == [FIRST]
    assert [path.name for path in (into / "runs").iterdir()] == [FIRST]


def test_different_content_under_the_same_identifier_is_refused(
    results: Path, stored: MakeRun, tmp_path: Path
) -> None:
    stored(FIRST)
    into = tmp_path / "into"
    store.merge([results], into)
    file = into / "runs" / FIRST / "run.json"
    file.write_text(file.read_text().replace("nightly", "another"))
    before = file.read_bytes()
    with pytest.raises(StoreError, match=rf"{FIRST}: differs from .*{FIRST} under the same identifier"):
        store.merge([results], into)
    assert file.read_bytes() == before


def test_a_source_without_runs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no runs in it; give a results folder"):
        store.merge([tmp_path], tmp_path / "into")
