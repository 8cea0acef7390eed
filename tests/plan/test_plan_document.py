# ruff: noqa: E501 (messages and suites stand on one line)
"""What is no readable document is refused with one line: file, line, what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import InputError
from harness.plan import plan
from harness.plan.document import MAX_BYTES, Place, parse, spell_path

from .planning import ONE, Planner, Problems, keys


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "s.yaml:1: the file is empty: expected a mapping with models, axes, ..."),
        ("# nothing\n", "s.yaml:1: the file is empty: expected a mapping with models, axes, ..."),
        ("\n- a\n", "s.yaml:2: expected a mapping with models, axes, ... at the top"),
        ("just text", "s.yaml:1: expected a mapping with models, axes, ... at the top"),
        ("models:\n\tm: 1\n", "s.yaml:2: indented with a tab: YAML wants spaces"),
        (b"name: a\n\n# \xff\n", "s.yaml:3: is not UTF-8: byte 0xff"),
        (
            "a: 1\n---\nb: 1\n",
            "s.yaml:2: not valid YAML: a second document starts here: a file holds one suite",
        ),
        (
            "a: [1\nb: 2\n",
            "s.yaml:2: not valid YAML while parsing a flow sequence: did not find expected ',' or ']'",
        ),
        ("a: b\x00", "s.yaml:1: unacceptable character #x0000: control characters are not allowed"),
        ("[" * 50 + "]" * 50, "s.yaml:1: nested more than 40 levels deep"),
        ("[" * 400_000 + "]" * 400_000, "s.yaml:1: nested more than 40 levels deep"),
        ("a: &a [*a]", "s.yaml:1: nested more than 40 levels deep: an alias to itself?"),
        ("a: " + "x" * MAX_BYTES, "s.yaml: is larger than 1 MiB: a suite is a small file"),
        ("a: *nowhere", "s.yaml:1: not valid YAML: found undefined alias"),
    ],
    ids=lambda value: None if len(value) > 60 else repr(value),
)
def test_an_unreadable_document_is_one_line(problems: Problems, text: str | bytes, line: str) -> None:
    assert problems(text) == [line]


def test_an_alias_bomb_is_refused_before_it_expands(problems: Problems) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert problems("\n".join(rows)) == [
        "s.yaml: holds more than 100000 values once its aliases are expanded"
    ]


@pytest.mark.parametrize("text", ["a: &a {large}\n", "a: &a {{? {large}\n : x}}\n"])
def test_aliases_of_a_long_text_are_refused_before_they_expand(problems: Problems, text: str) -> None:
    rows = text.format(large="x" * 100_000) + f"b: [{', '.join(['*a'] * 20)}]"
    assert problems(rows) == ["s.yaml: holds more than 1048576 characters once its aliases are expanded"]


def test_an_alias_within_bounds_is_read(problems: Problems) -> None:
    value = parse("a: &x {b: 1}\nc: *x\n", "f").value
    assert value == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_key_written_twice_names_both_lines(problems: Problems) -> None:
    text = (
        "models:\n  m: {source: {zoo: vgg19}}\n  n: {source: {zoo: vgg19}}\n  m: {source: {zoo: resnet50}}\n"
    )
    assert problems(text) == ["s.yaml:4: models.m: written twice: first on line 2"]


@pytest.mark.parametrize(
    ("key", "got"),
    [
        ("on", "the boolean on"),
        ("1", "the number 1"),
        ("null", "null"),
        ("[a]", "a list or mapping"),
        ("!!x a", "a"),
    ],
)
def test_a_key_that_is_no_name_is_refused_with_what_yaml_made_of_it(
    problems: Problems, key: str, got: str
) -> None:
    assert problems(f"{ONE}? {key}\n: 1\n") == [
        f"s.yaml:2: expected a name as key, got {got}: quote it if it is a name"
    ]


def test_tags_and_merge_keys_are_refused_and_run_nothing(problems: Problems) -> None:
    text = ONE + "name: !!python/object/apply:os.system ['exit 1']\n<<: {description: x}\n"
    assert problems(text) == [
        "s.yaml:2: name: the tag tag:yaml.org,2002:python/object/apply:os.system is not allowed: plain YAML only",
        "s.yaml:3: the merge key << is not read: use `extends`, or an alias",
    ]


def test_an_impossible_typed_scalar_is_a_problem_not_a_crash(problems: Problems) -> None:
    assert problems(f"{ONE}name: !!int four\n") == ["s.yaml:2: name: four is no int"]


def test_dates_stay_text_as_names_may_look_like_them() -> None:
    assert parse("2026-01-02: 2026-01-03\n", "f").value == {"2026-01-02": "2026-01-03"}


def test_a_byte_order_mark_and_crlf_are_read(planned: Planner) -> None:
    text = "\ufeff" + ONE + "description: a\naxes: {batch: 2}\n"
    made = planned(text.replace("\n", "\r\n").encode())
    assert (made.suite.description, keys(made)) == ("a", ["m/batch=2"])


def test_every_value_knows_its_line_and_an_entry_that_of_its_key() -> None:
    document = parse("a:\n  b:\n    - x\n    - on\n", "f")
    assert document.places[("a", "b")] == Place("f", 2)
    assert document.places[("a", "b", 1)] == Place("f", 4, "on")


def test_paths_are_spelled_on_one_line_whatever_the_keys() -> None:
    assert spell_path(("axes", "batch", 2)) == "axes.batch[2]"
    assert spell_path(("models", "<script>", "data")) == "models.<script>.data"
    assert spell_path(("models", "a.b\n", "data")) == r"models['a.b\n'].data"


def test_a_suite_that_is_not_there_names_its_neighbour(folder: Path) -> None:
    Path("quickstart.yaml").write_text(ONE)
    with pytest.raises(InputError, match=r"^no file 'quikstart.yaml': did you mean 'quickstart.yaml'\?$"):
        plan(Path("quikstart.yaml"))
    with pytest.raises(InputError, match=r"^'\.' is a folder$"):
        plan(Path())
