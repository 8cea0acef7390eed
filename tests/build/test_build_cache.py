"""The cache: what is in it is whole, made once, and believed only while it is what was written."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.build import cache
from harness.core.errors import Failed, InputError
from harness.core.hashing import hash_file

RECIPE = {"of": "tea", "options": {"sugar": 1, "milk": 0}}


class Kitchen:
    """Counts how often something was made."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, folder: Path) -> dict[str, Any]:
        self.made += 1
        (folder / "pot").write_text("tea")
        return {"cups": 2}


def fetch(folder: Path, make: Any) -> cache.CacheEntry:
    return cache.fetch(folder, "drinks", RECIPE, make)


def test_what_was_made_once_is_not_made_again(tmp_path: Path) -> None:
    make = Kitchen()
    first, second = fetch(tmp_path, make), fetch(tmp_path, make)
    assert make.made == 1
    assert first == second
    assert first.content == {"cups": 2}
    assert (first.folder / "pot").read_text() == "tea"
    assert first.size_bytes == 3


def test_the_hash_of_a_sole_file_is_the_files_own(tmp_path: Path) -> None:
    entry = fetch(tmp_path, Kitchen())
    out = subprocess.run(["sha256sum", entry.folder / "pot"], capture_output=True, text=True, check=True)
    assert entry.sha256 == out.stdout.split()[0]


def test_the_hash_of_several_files_hangs_on_their_names() -> None:
    assert cache.combine({"a": "1", "b": "2"}) == cache.combine({"b": "2", "a": "1"})
    assert cache.combine({"a": "1", "b": "2"}) != cache.combine({"a": "2", "b": "1"})


def test_the_key_does_not_hang_on_the_order_of_the_recipe() -> None:
    assert cache.digest({"a": 1, "b": {"c": 2, "d": 3}}) == cache.digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert cache.digest({"a": 1}) != cache.digest({"a": "1"})


def test_another_recipe_is_made_anew(tmp_path: Path) -> None:
    make = Kitchen()
    fetch(tmp_path, make)
    cache.fetch(tmp_path, "drinks", {**RECIPE, "of": "coffee"}, make)
    assert make.made == 2


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def spill(folder: Path) -> dict[str, Any]:
        (folder / "pot").write_text("half")
        raise Failed("the pot broke")

    with pytest.raises(Failed, match="the pot broke"):
        fetch(tmp_path, spill)
    assert not list((tmp_path / "drinks").iterdir())
    assert not list((tmp_path / "tmp").iterdir())
    assert fetch(tmp_path, Kitchen()).content == {"cups": 2}


def test_what_a_dead_process_left_half_done_is_cleared(tmp_path: Path) -> None:
    draft = tmp_path / "tmp" / cache.digest(RECIPE)
    draft.mkdir(parents=True)
    (draft / "dregs").write_text("old")
    assert set(fetch(tmp_path, Kitchen()).files) == {"pot"}


def flip(path: Path) -> None:
    path.write_bytes(b"T" + path.read_bytes()[1:])


def relabel(path: Path) -> None:
    manifest = json.loads(path.read_text())
    manifest["content"]["cups"] = 3
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: flip(folder / "pot"), "pot does not have the hash"),
        (lambda folder: (folder / "pot").unlink(), "its files are not those that were written: pot"),
        (lambda folder: (folder / "fly").write_text("!"), "its files are not those that were written: fly"),
        (lambda folder: (folder / "entry.json").unlink(), "its entry.json is damaged"),
        (lambda folder: (folder / "entry.json").write_text('{"rec'), "its entry.json is damaged"),
        (lambda folder: (folder / "entry.json").write_text("[]"), "its entry.json is damaged"),
        (lambda folder: relabel(folder / "entry.json"), "its entry.json is damaged"),
    ],
)
def test_a_damaged_entry_is_noticed_and_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, harm: Any, said: str
) -> None:
    make = Kitchen()
    folder = fetch(tmp_path, make).folder
    harm(folder)
    assert said in cache.verify(folder)
    with caplog.at_level(logging.WARNING):
        entry = fetch(tmp_path, make)
    assert make.made == 2
    assert said in caplog.text
    assert cache.verify(folder) == ""
    assert (entry.folder / "pot").read_text() == "tea"


@pytest.fixture
def leaves(tmp_path: Path) -> Path:
    path = tmp_path / "leaves"
    path.write_text("green")
    return path


def brew(leaves: Path) -> Kitchen:
    """Make tea of a file that lies elsewhere."""

    class Brewer(Kitchen):
        def __call__(self, folder: Path) -> dict[str, Any]:
            return {**super().__call__(folder), "reads": {str(leaves): hash_file(leaves)}}

    return Brewer()


def test_what_was_made_of_unchanged_files_is_not_made_again(tmp_path: Path, leaves: Path) -> None:
    make = brew(leaves)
    first = fetch(tmp_path / "cache", make)
    leaves.write_text("green")  # another time, the same bytes
    assert fetch(tmp_path / "cache", make) == first
    assert make.made == 1


def test_what_was_made_of_a_file_that_changed_is_made_again(
    tmp_path: Path, leaves: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make = brew(leaves)
    folder = fetch(tmp_path / "cache", make).folder
    leaves.write_text("black")
    assert cache.verify(folder) == ""  # its own files are whole
    for _ in range(2):
        entry = fetch(tmp_path / "cache", make)
    assert make.made == 2
    assert entry.content["reads"] == {str(leaves): hash_file(leaves)}
    assert f"{leaves}, which it was made of, has changed; it is built again" in caplog.text


def test_what_was_made_of_a_file_that_is_gone_is_made_again(
    tmp_path: Path, leaves: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fetch(tmp_path / "cache", brew(leaves))
    leaves.unlink()
    make = Kitchen()
    fetch(tmp_path / "cache", make)
    assert make.made == 1
    assert "leaves, which it was made of, cannot be read: No such file or directory" in caplog.text


TWO_AT_ONCE = """
import sys, time
from pathlib import Path
from harness.build import cache

def make(folder):
    with open(sys.argv[2], "a") as log:
        log.write("made\\n")
    time.sleep(0.3)
    (folder / "pot").write_text("tea")
    return {"cups": 2}

print(cache.fetch(Path(sys.argv[1]), "drinks", {"of": "tea"}, make).sha256)
"""


def test_two_processes_that_want_the_same_make_it_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", TWO_AT_ONCE, str(tmp_path / "cache"), str(log)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    printed = {process.communicate(timeout=60)[0] for process in both}
    assert [process.returncode for process in both] == [0, 0, 0]
    assert len(printed) == 1
    assert log.read_text() == "made\n"


def test_a_cache_that_cannot_be_written_is_the_users_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written: Not a directory; set HARNESS_CACHE"):
        fetch(tmp_path / "file", Kitchen())
    with pytest.raises(InputError, match=r"its path is not UTF-8, and ONNX Runtime opens no other"):
        fetch(tmp_path / "m\udcff", Kitchen())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_cache_lies_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HARNESS_CACHE", raising=False)
    assert cache.default_cache_dir() == Path("/home/ada/.cache/harness")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/ada")
    assert cache.default_cache_dir() == Path("/var/cache/ada/harness")
    monkeypatch.setenv("HARNESS_CACHE", "~/models")
    assert cache.default_cache_dir() == Path("/home/ada/models")
