"""`harness bisect` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
import yaml
from models import scaled

from harness.ab.model import ABSettings
from harness.bisect.job import Candidates
from harness.bisect.model import Question, Search, SearchOutcome, SearchResult

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def released(parts: dict[str, Any]) -> None:
    """Let three versions be released, without asking an index."""
    parts["released"] = lambda distribution: ("1.17.0", "1.18.0", "1.19.2")


@pytest.fixture
def asked(parts: dict[str, Any]) -> dict[str, Any]:
    """Stand in for the search; return what it was asked."""
    found: dict[str, Any] = {"outcome": SearchOutcome.FOUND}

    def search(
        candidates: Candidates, metric: str, results_dir: Path, cache_dir: Path, **options: Any
    ) -> Search:
        found.update(candidates=candidates, metric=metric, **options)
        finding = found["outcome"] and SearchResult(outcome=found["outcome"], first_bad="1.18.0")
        question = Question(candidates.title, metric, tuple(candidates.cases))
        return Search(id="i", question=question, steps=(), finding=finding, limit=0.01, file="f")

    parts["bisect"] = search
    return found


@pytest.fixture
def models(harness: Command) -> list[str]:
    """Four files in the current folder; from the third on they answer otherwise."""
    names = ["mon.onnx", "tue.onnx", "wed.onnx", "thu.onnx"]
    for name, scale in zip(names, (2.0, 2.0, 2.5, 2.5), strict=True):
        onnx.save(scaled(scale), name)
    return names


def test_files_are_searched_in_the_order_given(harness: Command, models: list[str]) -> None:
    options = ("--metric", "accuracy/max_abs_error", "--format", "json")
    code, out, err = harness("bisect", *models, *options)
    found = json.loads(out)
    assert code == 1
    assert found["finding"]["first_bad"] == "wed.onnx"
    assert found["finding"]["last_good"] == "tue.onnx"
    assert [step["version"] for step in found["steps"]] == ["mon.onnx", "thu.onnx", "tue.onnx", "wed.onnx"]
    assert err.splitlines()[1].startswith("[2] thu.onnx against mon.onnx: bad")
    assert Path(found["file"]).parent == Path("results/bisect")

    code, out, _ = harness("bisect", *models[:2], *options)
    assert (code, json.loads(out)["finding"]["outcome"]) == (0, "no difference")


def test_versions_are_searched_with_one_file(harness: Command, models: list[str], asked: Any) -> None:
    code, _, err = harness(
        "bisect",
        models[0],
        *("--good", "1.17.0", "--bad", "1.18.0", "--min-effect", "3%", "--budget", "7", "--seed", "5"),
        *("--graph-opt", "basic", "--batch", "4", "--distribution", "onnxruntime-openvino"),
    )
    assert code == 1
    assert asked["metric"] == "latency/p50"
    assert asked["limit"] == 0.03
    assert asked["settings"] == ABSettings(budget_s=7.0, seed=5, most_s=7.0)
    assert list(asked["candidates"].cases) == ["1.17.0", "1.18.0"]
    case = asked["candidates"].cases["1.18.0"]
    assert case.key == "mon/runtime=onnxruntime-openvino==1.18.0/graph_opt=basic/batch=4"
    assert err == "steps: f\n"


def test_a_suite_gives_its_one_case(harness: Command, models: list[str], asked: Any) -> None:
    document = {"models": {"m": {"source": {"onnx": "mon.onnx"}}}, "axes": {"batch": [1, 8]}}
    Path("s.yaml").write_text(yaml.safe_dump(document))
    assert harness("bisect", "s.yaml", "--only", "batch=8")[0] == 1
    assert {case.load.batch for case in asked["candidates"].cases.values()} == {8}
    assert asked["limit"] is None
    code, _, err = harness("bisect", "s.yaml")
    assert (code, err.startswith("error: s.yaml: 2 cases; a search takes one")) == (2, True)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(SearchOutcome.FOUND, 1), (SearchOutcome.NO_DIFFERENCE, 0), (SearchOutcome.UNDECIDED, 3), (None, 130)],
)
def test_exit_codes(harness: Command, models: list[str], asked: Any, outcome: Any, code: int) -> None:
    asked["outcome"] = outcome
    assert harness("bisect", models[0])[0] == code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.onnx",), "no file 'none.onnx'"),
        (("mon.onnx", "--good", "1.18.5"), "--good 1.18.5: not a released version; did you mean '1.18.0'"),
        (("mon.onnx", "--tolerance", "0.1"), "--metric latency/p50 takes --min-effect"),
        (
            ("mon.onnx", "--metric", "accuracy/top1", "--min-effect", "1%"),
            "--metric accuracy/top1 takes --tolerance",
        ),
        (("mon.onnx", "--metric", "latency/p5"), "cannot be searched by; did you mean 'latency/p"),
        (("mon.onnx", "--metric", "accuracy/top1"), "takes labelled data; name it with --data"),
        (("mon.onnx", "tue.onnx", "--good", "1.18.0"), "--good and --bad are for versions of a runtime"),
        (("mon.onnx", "--batch", "1,2"), "mon.onnx: 2 cases; a search takes one"),
        (("mon.onnx", "--min-effect", "fast"), "--min-effect: expected a ratio such as '3%'"),
        (("s.yaml", "mon.onnx"), "s.yaml: expected one suite, or model files only"),
        (("s.yaml", "--batch", "2"), "--batch is for model files; of a suite, say it there or with --set"),
        (("mon.onnx", "--resume"), "no unfinished search like this; begin one without it"),
    ],
)
def test_mistakes_are_one_line(
    harness: Command, models: list[str], arguments: tuple[str, ...], message: str
) -> None:
    Path("s.yaml").write_text(yaml.safe_dump({"models": {"m": {"source": {"onnx": "mon.onnx"}}}}))
    code, out, err = harness("bisect", *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err


def test_a_distribution_that_is_unknown_names_the_closest(
    harness: Command, models: list[str], parts: dict[str, Any]
) -> None:
    del parts["released"]
    code, _, err = harness("bisect", models[0], "--distribution", "onnxruntime-gpus")
    assert (code, "did you mean 'onnxruntime-gpu'" in err) == (2, True)
