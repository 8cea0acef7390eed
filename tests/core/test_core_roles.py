"""Sizes guessed for dimensions that nothing binds."""

from __future__ import annotations

import pytest

from harness.core.roles import unbound

Shape = tuple[int | str | None, ...]


def guess(shape: Shape, name: str = "x", dtype: str = "float32", **bound: int) -> dict[str, tuple[str, int]]:
    found = unbound({name: shape}, {name: dtype}, bound)
    return {item.name: (item.role, item.sizes[0]) for item in found}


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((1, 3, 224, 224), {}),
        (
            ("batch", 3, "height", "width"),
            {"batch": ("batch", 1), "height": ("height", 224), "width": ("width", 224)},
        ),
        (("N", 3, None, None), {"N": ("batch", 1), "x[2]": ("height", 224), "x[3]": ("width", 224)}),
        ((1, "?", "?", 3), {"x[1]": ("height", 224), "x[2]": ("width", 224)}),
        ((-1, 3, -1, -1), {"x[0]": ("batch", 1), "x[2]": ("height", 224), "x[3]": ("width", 224)}),
        (("", "", 80), {"x[0]": ("batch", 1), "x[1]": ("frames", 100)}),
        ((None, None), {"x[0]": ("batch", 1), "x[1]": ("samples", 16_000)}),
        (("unk__6", "seq_len"), {"unk__6": ("batch", 1), "seq_len": ("sequence", 128)}),
    ],
)
def test_a_role_is_read_off_names_and_neighbours(shape: Shape, found: dict[str, tuple[str, int]]) -> None:
    assert guess(shape) == found


def test_tokens_are_whole_numbers() -> None:
    assert guess((None, None), "input_ids", "int64")["input_ids[1]"] == ("sequence", 128)


def test_a_past_begins_empty_and_a_sum_follows_its_parts() -> None:
    found = unbound(
        {
            "ids": ("batch", "seq"),
            "mask": ("batch", "past_seq + seq"),
            "past.key": ("batch", 4, "past_seq", 16),
        },
        {"ids": "int64", "mask": "int64", "past.key": "float32"},
        {"seq": 5},
    )
    sizes = {item.name: item.sizes for item in found}
    assert sizes["past_seq"][0] == 0
    assert sizes["past_seq + seq"][:2] == (5, 6)


def test_what_is_bound_is_not_guessed_by_name_or_by_place() -> None:
    assert guess(("n", "h"), h=4) == {"n": ("batch", 1)}
    found = unbound({"x": (1, "h")}, {"x": "float32"}, {"x[1]": 7})
    assert found == ()


def test_one_name_on_several_axes_is_one_dimension() -> None:
    (found,) = unbound({"a": (1, "len"), "b": (1, "len")}, {"a": "int64", "b": "int64"})
    assert found.places == (("a", 1), ("b", 1))


def test_a_symbol_that_names_nothing_is_a_dimension_for_each_axis() -> None:
    assert set(guess((1, 3, "?", "?"))) == {"x[2]", "x[3]"}
