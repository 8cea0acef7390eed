"""Every suite and config that ships is valid and keeps what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from harness.plan import estimate, plan, plan_document

ROOT = Path(harness.__file__).parent.parent
SUITES = sorted((ROOT / "suites").glob("*.yaml"))
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_every_suite_is_planned_and_every_skip_has_its_reason(path: Path) -> None:
    made = plan(path)
    assert made.cases
    assert made.suite.description
    assert all(skip.because for skip in made.skips)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_can_be_extended_by_a_suite_of_any_model(path: Path) -> None:
    made = plan_document(
        {"extends": path.name, "models": {"m": {"source": {"zoo": "vgg19"}}}}, path.parent, "any"
    )
    assert [case.key for case in made.cases] == ["m"]


def test_the_promised_suites_and_configs_are_there() -> None:
    assert {"quickstart", "nightly", "opsets"} <= {path.stem for path in SUITES}
    assert {"quick", "nightly", "thorough"} <= {path.stem for path in CONFIGS}


def test_the_quickstart_is_short_and_shows_what_it_is_for() -> None:
    made = plan(ROOT / "suites/quickstart.yaml")
    assert 16 <= len(made.cases) <= 24
    assert estimate(made).seconds < 90
    assert {model.source.kind for model in made.suite.models} == {"onnx", "zoo"}  # nothing that needs torch
    taken = {
        axis: {case.axes[axis] for case in made.cases}
        for axis in ("precision", "graph_opt", "intra_threads", "batch")
    }
    assert taken["precision"] == {"fp32", "int8_dynamic", "int8_static"}
    assert taken["graph_opt"] == {"disable", "all"}
    assert taken["intra_threads"] == {1, 2}
    assert taken["batch"] == {1, 32}
    assert made.skips and made.suite.gates and made.suite.baseline


def test_the_nightly_covers_what_it_promises_within_45_minutes() -> None:
    made = plan(ROOT / "suites/nightly.yaml")
    assert estimate(made).seconds < 45 * 60
    kinds = [model.source.kind for model in made.suite.models]
    assert sorted(kinds) == ["onnx", "torch", "torch", "zoo", "zoo"]
    taken = {axis: {case.axes[axis] for case in made.cases} for axis in made.cases[0].axes}
    assert taken["opset"] >= {17, 18, 19, 20, 21, 22}
    assert taken["graph_opt"] == {"disable", "basic", "extended", "all"}
    assert taken["intra_threads"] == {1, 2}
    assert taken["batch"] == {1, 8, 32}
    assert taken["precision"] == {"fp32", "fp16", "int8_dynamic", "int8_static"}


def test_the_opsets_suite_takes_both_exporters_from_11_to_23() -> None:
    made = plan(ROOT / "suites/opsets.yaml")
    asked = {(case.artifact.exporter, case.artifact.opset) for case in made.cases}
    assert asked == {(exporter, opset) for exporter in ("dynamo", "torchscript") for opset in range(11, 24)}
    assert made.skips == ()
