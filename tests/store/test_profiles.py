"""Profiles beside the runs: one for each thing that they are of, the newest."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import store
from harness.core.errors import StoreError
from harness.store.profiles import merge_profiles

OF = {"model_sha256": "ab", "session": {"graph_opt": "all"}, "cores": 1}


def test_a_later_profile_of_the_same_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    assert store.read_profile(tmp_path / "nowhere", OF) is None
    for day in ("2026-11-01", "2026-11-02"):
        path = store.write_profile(tmp_path, OF, {"profiled_at": day})
    other = store.write_profile(tmp_path, {**OF, "cores": 2}, {"profiled_at": "2026-11-03"})
    assert sorted((tmp_path / "profiles").iterdir()) == sorted([path, other])
    assert store.read_profile(tmp_path, dict(reversed(OF.items()))) == {"profiled_at": "2026-11-02"}


def test_a_profile_that_changed_on_disk_is_not_believed(tmp_path: Path) -> None:
    path = store.write_profile(tmp_path, OF, {"profiled_at": "2026-11-01"})
    path.write_text(path.read_text().replace("2026-11-01", "2026-11-09"))
    with pytest.raises(StoreError, match=rf"{path.name}: cannot be read .*; delete it and profile again"):
        store.read_profile(tmp_path, OF)


@pytest.mark.parametrize(
    ("here", "there", "kept"), [("01", "02", "02"), ("02", "01", "02"), (None, "01", "01")]
)
def test_of_two_folders_the_newest_profile_stays(
    here: str | None, there: str, kept: str, tmp_path: Path
) -> None:
    if here is not None:
        store.write_profile(tmp_path / "into", OF, {"profiled_at": here})
    store.write_profile(tmp_path / "from", OF, {"profiled_at": there})
    merge_profiles(tmp_path / "from", tmp_path / "into")
    assert store.read_profile(tmp_path / "into", OF) == {"profiled_at": kept}
