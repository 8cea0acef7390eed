"""Units are formatted and parsed in one place."""

import pytest

from harness.core import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 ns"),
        (1.5e-8, "15 ns"),
        (1.234e-6, "1.23 µs"),
        (0.00123, "1.23 ms"),
        (0.9996, "1 s"),
        (123.4, "123 s"),
        (-0.002, "-2 ms"),
    ],
)
def test_seconds_choose_the_unit_that_reads_best(value: float, text: str) -> None:
    assert units.format_seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (999, "999 B"), (1500000, "1.5 MB"), (2.5e9, "2.5 GB"), (999_900, "1 MB")]
)
def test_bytes_use_decimal_prefixes(value: float, text: str) -> None:
    assert units.format_bytes(value) == text


@pytest.mark.parametrize(("value", "text"), [(5, "5 s"), (95, "1 min 35 s"), (3720, "1 h 02 min")])
def test_waits_read_as_people_say_them(value: float, text: str) -> None:
    assert units.format_span(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.001, "s", "1 ms"),
        (2e6, "B", "2 MB"),
        (0.995, "ratio", "99.50%"),
        (41.26, "dB", "41.3 dB"),
        (3.0, "1", "3"),
        (1.234e-7, "1", "1.23e-07"),
        (0.0, "1", "0"),
        (12345.678, "samples/s", "12350 samples/s"),
    ],
)
def test_the_unit_of_a_metric_picks_its_format(value: float, unit: str, text: str) -> None:
    assert units.format_value(value, unit) == text


def test_parsing_inverts_formatting() -> None:
    assert units.parse_seconds("200ms") == pytest.approx(0.2)
    assert units.parse_seconds(2) == 2.0
    assert units.parse_bytes("4 KiB") == 4096
    assert units.parse_ratio("3%") == pytest.approx(0.03)
    assert units.parse_ratio("-0.5%") == pytest.approx(-0.005)


@pytest.mark.parametrize("text", ["", "ms", "3 parsecs", "1..2 s", "3%"])
def test_an_unknown_duration_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as"):
        units.parse_seconds(text)
