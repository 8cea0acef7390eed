"""`harness tune` from the command line: its mistakes, its exit codes, and one small search for real."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from models import relu

from harness.plan import plan
from harness.tune.axes import default_axes
from harness.tune.model import Answer, Objective, Reached, TuneResult, TuneSettings

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(relu().SerializeToString())
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--slo", "latency/p96 <= 5 ms"], "unknown metric 'latency/p96'"),
        (["--slo", "latency/p95 <= 5 MB"], "latency/p95 takes a duration"),
        (["--slo", "latency/p95 <= 5 ms", "--slo", "latency/p50 >= 6 ms"], "contradict each other"),
        (["--slo", "accuracy/top1_delta >= -1%"], "model has no labelled data; add --data"),
        (["--maximize", "latency/p50"], "lower is better"),
        (["--budget", "0"], "--budget"),
        (["--resume"], "no unfinished search"),
        (["--save-suite", "nowhere/suite.yaml"], "there is no folder nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_measures_nothing(
    harness: Call, model: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    code, out, err = harness("tune", model, *options)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.glob("results/tune/*"))


def test_one_search_for_real(harness: Call, model: Path, tmp_path: Path) -> None:
    """Real workers; nothing is asserted of their speed."""
    quick = ["sampling.seconds=0.02", "sampling.warmup_seconds=0", "measure.proof=false"]
    keys = (*quick, "measure.accuracy=false", "axes.graph_opt=all")
    code, out, err = harness(
        *("tune", model, "--slo", "memory/peak <= 4 GB", "--budget", 3, "--save-suite", "finalists.yaml"),
        *(word for key in keys for word in ("--set", key)),
        *("--set", "axes.intra_threads=1", "--set", "axes.config=default", "--format", "json"),
    )
    assert code == 0, err
    (answer,) = json.loads(out)["answers"]
    assert answer["cells"] == 2
    assert answer["winner"]["fresh"] is True
    assert answer["winner"]["metrics"]["memory/peak"] < 4e9
    names: dict[str, Any] = {}
    exec(answer["snippets"]["python"], names)
    assert names["options"].intra_op_num_threads == 1
    assert "[fresh " in err
    found = plan(tmp_path / "finalists.yaml")
    assert answer["winner"]["case"] in {case.key for case in found.cases}
    assert yaml.safe_load((tmp_path / "finalists.yaml").read_text())["gates"][0]["metric"] == "memory/peak"


@pytest.mark.parametrize(
    ("fresh", "found", "interrupted", "code"),
    [(True, True, False, 0), (False, True, False, 3), (False, False, False, 1), (False, True, True, 130)],
)
def test_the_exit_code_says_how_it_ended(fresh: bool, found: bool, interrupted: bool, code: int) -> None:
    from harness.cli.tune import exit_code
    from harness.tune.model import Missed

    winner = Reached("m", 1.0, fresh=fresh) if found else None
    missed = () if found else (Missed("m", "latency/p50 <= 1 s", "latency/p50", 2.0, 1.0),)
    answer = Answer(model="m", cells=1, probed=1, spent_s=1, sweep_s=1, winner=winner, nearest=missed)
    settings = TuneSettings(Objective("latency/p50", False))
    result = TuneResult(job="j", settings=settings, unit="s", answers=(answer,), interrupted=interrupted)
    assert exit_code(result) == code


def test_a_bare_model_has_a_space_of_what_the_runtime_offers() -> None:
    axes = default_axes(8, data=False, batches=False)
    assert axes["intra_threads"] == [1, 2, 4, 0]
    assert len(axes["graph_opt"]) * len(axes["execution_mode"]) * len(axes["config"]) * 4 == 128
    assert "precision" not in axes and "batch" not in axes
    assert {"precision", "batch"} <= set(default_axes(1, data=True, batches=True))
