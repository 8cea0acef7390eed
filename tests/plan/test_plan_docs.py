"""docs/suites.md says all that a suite may say, and its examples are suites."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

import harness
from harness.core import vocabulary as names
from harness.core.case import AXES
from harness.core.plugins import CATALOGUE, EXPORTERS, PRECISIONS, SOURCES
from harness.plan import axes, plan_document
from harness.plan.gate import GateSchema
from harness.plan.option import DynamicOptions, HalfOptions, ProviderOptions, StaticOptions
from harness.plan.schema import (
    InputSchema,
    MeasureSchema,
    ModelSchema,
    SamplingSchema,
    SkipSchema,
    SuiteSchema,
)

ROOT = Path(harness.__file__).parent.parent
TEXT = (ROOT / "docs/suites.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
FILES = ("models/digits_cnn.onnx", "models/bert.py", "data/sentences.npz", "build/libmy_ops.so")


@pytest.mark.parametrize(
    "model",
    [
        SuiteSchema, ModelSchema, InputSchema, SamplingSchema, MeasureSchema, GateSchema, SkipSchema,
        StaticOptions, DynamicOptions, HalfOptions, ProviderOptions,
    ],
)  # fmt: skip
def test_every_key_is_described(model: type) -> None:
    assert not [key for key in model.model_fields if f"`{key}`" not in TEXT]


def test_every_axis_and_every_name_is_described() -> None:
    assert not [axis for axis in AXES if f"| `{axis}` |" not in TEXT]
    known = (
        *SOURCES, *names.ZOO, *CATALOGUE, "fp32", *PRECISIONS, *EXPORTERS, *names.FORMATS,
        *names.PROVIDERS, *names.GRAPH_OPT.values(), *names.EXECUTION_MODES, *names.IO,
    )  # fmt: skip
    assert not [name for name in known if f"`{name}`" not in TEXT and f"`{{{name}: " not in TEXT]


def test_every_axis_has_one_row() -> None:
    assert tuple(axes.AXES) == AXES


def test_every_config_is_described() -> None:
    assert not [
        path.name for path in (ROOT / "configs").glob("*.yaml") if f"`configs/{path.name}`" not in TEXT
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_is_a_suite(folder: Path, example: str) -> None:
    shutil.copytree(ROOT / "configs", folder / "configs")
    for name in FILES:
        (folder / "suites" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "suites" / name).touch()
    document = {"models": {"m": {"source": {"zoo": "vgg19"}}}, **yaml.safe_load(example)}
    assert plan_document(document, folder / "suites", "example").cases


def test_there_are_examples_to_test() -> None:
    assert len(EXAMPLES) >= 7
