"""The JSON schema of a suite is made of the models that check it, and agrees with them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings

import harness
from harness.cli.schema import schema
from harness.core.errors import InputError
from harness.plan import plan_document
from harness.plan.document import parse
from harness.plan.schema import json_schema

from . import wrong
from .planning import ONE
from .test_plan_fuzz import SUITE, documents

ROOT = Path(harness.__file__).parent.parent
COMMITTED = ROOT / "docs/suite.schema.json"
FILES = sorted([*(ROOT / "suites").glob("*.yaml"), *(ROOT / "configs").glob("*.yaml")])
VALIDATOR = jsonschema.Draft202012Validator(json_schema())

BEYOND = {
    # two spellings of one value
    "axes: {intra_threads: [0, auto]}",
    "axes: {graph_opt: [all, 99]}",
    # a name that could be another package's
    "{onxx: a.onnx}",
    "data: digit",
    # which of two numbers is larger
    "sampling: {min_calls: 9, max_calls: 8}",
    "sampling: {calls: 9, max_calls: 8}",
    "sampling: {seconds: 40}",
    "sampling: {timeout: 1}",
    "inputs: {ids: {low: 3, high: 3}}",
    "{metric: latency/p50, min: 2, max: 1}",
    # what JSON has no word for: NaN, infinity, a float that is whole
    "sampling: {seconds: .nan}",
    "inputs: {ids: {low: .inf}}",
    "axes: {batch: 8.0}",
}
"""Mistakes that a JSON schema cannot tell, and the plan does."""


def wrong_suites() -> Iterator[tuple[str, str]]:
    """What is wrong, and the suite that it is in."""
    for line, _ in wrong.LINES:
        yield line, line if line.startswith("models") else ONE + line
    for source, _ in wrong.SOURCES:
        yield source, f"models: {{a: {{source: {source}}}}}"
    for entry, _ in wrong.ENTRIES:
        yield entry, f"models: {{a: {{source: {{zoo: vgg19}}, {entry}}}}}"
    for gate, _ in wrong.GATES:
        yield gate, f"{ONE}gates: [{gate}]"


def test_the_committed_schema_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(schema).output
    assert COMMITTED.read_text() == printed
    jsonschema.Draft202012Validator.check_schema(json.loads(printed))


def test_every_suite_points_to_the_schema() -> None:
    for path in FILES:
        first = path.read_text().splitlines()[0]
        named = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
        assert named and (path.parent / named[1]).resolve() == COMMITTED, path


def test_every_suite_and_config_is_accepted() -> None:
    done = check_jsonschema(*FILES)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_wrong_is_refused_where_a_schema_can_tell(tmp_path: Path) -> None:
    suites = dict(wrong_suites())
    paths = {}
    for number, (what, text) in enumerate(suites.items()):
        paths[tmp_path / f"{number}.yaml"] = what
        (tmp_path / f"{number}.yaml").write_text(yaml.safe_dump(parse(text, "s.yaml").value))
    done = check_jsonschema("--output-format", "json", *paths)
    refused = {paths[Path(error["filename"])] for error in json.loads(done.stdout)["errors"]}
    assert set(suites) - refused == BEYOND
    assert len(refused) >= 70


def check_jsonschema(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run check-jsonschema against the committed schema."""
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(COMMITTED), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@settings(max_examples=150, deadline=None)
@given(documents())
def test_what_the_plan_takes_the_schema_takes(document: dict[str, Any]) -> None:
    try:
        plan_document(document, Path.cwd(), "fuzz")
    except InputError:
        return
    VALIDATOR.validate(document)


def test_the_fuzzed_suite_is_one() -> None:
    assert plan_document(SUITE, Path.cwd(), "fuzz").cases
    VALIDATOR.validate(SUITE)


@pytest.mark.parametrize("text", ["98%", "100%", "0.5%", "0.03", "1", "1e-3", " +3 % ", "100.0%", "007%"])
def test_a_ratio_up_to_one_is_taken_as_the_plan_takes_it(text: str) -> None:
    document = {**parse(ONE, "s.yaml").value, "gates": [{"metric": "accuracy/top1", "max_drop": text}]}
    VALIDATOR.validate(document)
    assert plan_document(document, Path.cwd(), "ratio").suite.gates


@pytest.mark.parametrize(
    "document",
    [
        {"models": {"m": {"source": {"hub": {"revision": 3}}}}},
        {"models": {"m": {"source": {"hub": "a/b"}, "data": "imagenet"}}},
        {"axes": {"precision": ["w4", {"coarse": {"method": "w4", "block_size": 128}}]}},
        {"axes": {"exporter": "mine"}},
        {"gates": [{"metric": "cpu/per_call", "max": 0.5}]},
    ],
)
def test_names_of_other_packages_are_taken(document: dict[str, Any]) -> None:
    VALIDATOR.validate(document)


def test_a_part_that_suites_extend_needs_no_models_and_a_suite_that_extends_no_source() -> None:
    VALIDATOR.validate({"sampling": {"seconds": 1}})
    part = {"models": {"m": {"data": "digits"}}}
    assert not VALIDATOR.is_valid(part)
    VALIDATOR.validate({"extends": "base.yaml", **part})


@pytest.mark.parametrize("name", wrong.NAMES)
def test_a_name_that_a_key_cannot_carry_is_refused(name: str) -> None:
    unquoted = parse(f'"{name}": 1', "s.yaml").value
    refused = not VALIDATOR.is_valid({"models": {key: {"source": {"zoo": "vgg19"}} for key in unquoted}})
    assert refused or not next(iter(unquoted)).isprintable()


def test_every_key_has_words_for_whoever_hovers() -> None:
    made = json_schema()
    of_axes = ("Condition", "Point")
    for name, definition in [("", made), *made["$defs"].items()]:
        assert definition["description"], name
        for key, item in definition.get("properties", {}).items():
            known = name in of_axes or name.endswith("Source") or key in ("method", "provider")
            assert known or "$ref" in item or item.get("description"), (name, key)
