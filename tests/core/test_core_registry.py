"""Names are looked up lazily, and an unknown one is answered with the closest."""

from pathlib import Path

import pytest

from harness.core.errors import InputError, NotFoundError
from harness.core.registry import Registry, closest

TABLE = Registry("source", {"onnx": "json:dumps", "zoo": "no.such.module:f"})


def test_a_name_resolves_to_what_it_stands_for() -> None:
    import json

    assert TABLE.resolve("onnx") is json.dumps


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    assert list(TABLE) == ["onnx", "zoo"]
    with pytest.raises(ModuleNotFoundError):
        TABLE.resolve("zoo")


def test_an_unknown_name_is_answered_with_the_closest_and_the_list() -> None:
    with pytest.raises(NotFoundError, match="unknown source 'onx': did you mean 'onnx'\\? known: onnx, zoo"):
        TABLE.resolve("onx")


def test_a_name_like_no_other_is_answered_with_the_list() -> None:
    assert closest("xyzzy", ["b", "a"]) == "known: a, b"


def test_a_name_of_another_package_that_cannot_be_imported_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    info = tmp_path / "shop-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[shop.sources]\nhub = broken:Hub\nonnx = broken:Onnx\n")
    monkeypatch.syspath_prepend(tmp_path)
    table = Registry("source", TABLE.builtin, "shop.sources")
    assert list(table) == ["onnx", "zoo", "hub"]
    with pytest.raises(InputError, match=r"^source 'hub' of shop: cannot import broken:Hub: ZeroDiv"):
        table.resolve("hub")
    assert table.resolve("onnx").__name__ == "dumps"
