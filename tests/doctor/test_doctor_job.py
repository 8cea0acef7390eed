"""The examination of a machine: a self-test with made-up blocks, and the real model that it measures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from make import make_record

from harness import show
from harness.ab.model import ABSettings
from harness.cli import COMMANDS
from harness.core.case import Case
from harness.core.decision import Change
from harness.core.errors import NotFoundError
from harness.core.record import Observation, Record, Status
from harness.doctor.chain import LARGE, SMALL, Chain, write_chain
from harness.doctor.job import LAYERS, MORE_LAYERS, examine, self_test
from harness.doctor.model import Diagnosis, Level, SelfTest
from harness.doctor.view import DiagnosisDocument
from harness.judge.outputs import Outputs
from harness.measure import Block
from harness.run.bench import Bench, OpenBench
from harness.store.ledger import read_lines


def render(result: Any, view: str, **style: Any) -> str:
    return show.render(DiagnosisDocument(result), view, **style)


TINY = SMALL, replace(LARGE, width=4)
TERMS = ABSettings(budget_s=10.0, seed=1)


@pytest.fixture
def blocks() -> Callable[..., OpenBench]:
    """Have blocks made up: HEAD and the control differ by so many percent, give or take the noise."""

    def make(
        head: float = 2.0, control: float = 0.0, noise: float = 0.0, status: Status = Status.OK
    ) -> OpenBench:
        made = {"slow": 0, "control": 0}

        class MadeUp(Bench):
            def measure(self, case: Case, run: str = "") -> Record:
                self.outputs[case] = Outputs()
                return make_record(case=case, run=run, suite="doctor", status=status, reason="SIGILL")

            def request(self, case: Case, sampling: object) -> Any:
                return SimpleNamespace(case=case.key)

            def run_block(self, *arguments: Any) -> Block:
                return run_block(*arguments)

        def run_block(pair: Any, draw: Any, span_s: float, limit_s: float) -> Block:
            which = "control" if pair[0] is pair[1] else "slow"
            made[which] += 1
            percent = {"control": control, "slow": head}[which] + (noise if made[which] % 2 else -noise)
            ns = round(1_000_000 * (1 + percent / 100))
            return Block(
                samples_ns=(((1_000_000,) * 50,) * 2, ((ns,) * 50,) * 2),
                preempted=((0, 0), (0, 0)),
                observations=(Observation(passes=()), Observation(passes=())),
                draw=draw,
                turns=(0, 1, 1, 0),
                slice_ns=1,
                start_s=0.3,
                wall_s=0.5,
            )

        return lambda *given: MadeUp(*given, keep_outputs=True)

    return make


@pytest.fixture
def tested(tmp_path: Path) -> Callable[..., SelfTest]:
    return lambda opening: self_test(tmp_path / "results", tmp_path / "cache", TERMS, open_bench=opening)


@pytest.fixture
def examined(tmp_path: Path) -> Callable[[OpenBench], Diagnosis]:
    return lambda opening: examine(
        tmp_path / "results", tmp_path / "cache", settings=TERMS, open_bench=opening, chains=TINY
    )


def test_a_known_slowdown_is_judged_and_what_can_be_seen_follows(blocks, tested) -> None:
    found = tested(blocks())
    assert found.injected == pytest.approx(0.02)
    assert (found.slowdown.verdict, found.slowdown.ratio) == (Change.REGRESSION, pytest.approx(1.02))
    assert found.control.verdict is Change.EQUIVALENT
    assert (found.fired, found.failed) == (False, "")
    assert found.spread == pytest.approx(0.0, abs=1e-12)
    assert found.block_s == 0.5
    assert [(each.budget_s, each.blocks) for each in found.reach] == [(10.0, 19), (60.0, 119)]
    assert found.reach[0].change == pytest.approx(0.01)
    assert Path(found.file).exists()


def test_noise_makes_what_can_be_seen_larger(blocks, tested) -> None:
    found = tested(blocks(noise=0.5))
    assert found.spread == pytest.approx(0.0052, abs=0.0003)
    assert 0.0115 < found.reach[1].change < found.reach[0].change < 0.02


def test_a_machine_that_differs_from_itself_is_not_healthy(blocks, tmp_path: Path) -> None:
    open_bench = blocks(control=3.0)
    found = examine(
        tmp_path / "results", tmp_path / "cache", settings=TERMS, open_bench=open_bench, chains=TINY
    )
    assert found.test.fired
    bad = [finding.subject for finding in found.findings if finding.level is Level.BAD]
    assert {"A/A", "A/A, 15 MB"} <= {*bad}
    assert not found.healthy


def test_a_slowdown_that_drowns_in_noise_is_not_seen(blocks, tmp_path: Path) -> None:
    open_bench = blocks(noise=6.0)
    found = examine(
        tmp_path / "results", tmp_path / "cache", settings=TERMS, open_bench=open_bench, chains=TINY
    )
    levels = {finding.subject: finding.level for finding in found.findings}
    # of a model that streams its weights, most machines need more than this
    assert (levels["slowdown"], levels["slowdown, 15 MB"]) == (Level.BAD, Level.WARNING)


def test_a_model_that_does_not_run_is_all_that_is_said(blocks, tmp_path: Path) -> None:
    open_bench = blocks(status=Status.CRASHED)
    found = examine(
        tmp_path / "results", tmp_path / "cache", settings=TERMS, open_bench=open_bench, chains=TINY
    )
    said, _ = [finding.found for finding in found.findings if finding.subject.startswith("self-test")]
    assert "crashed: SIGILL" in said
    assert found.test.reach == ()
    assert "crashed" in render(found, "table")


def test_quick_only_looks(tmp_path: Path) -> None:
    found = examine(tmp_path / "results", tmp_path / "cache", quick=True)
    assert found.test is None
    assert not (tmp_path / "results").exists()
    assert {"pinning", "governor", "turbo", "SMT", "CPU quota", "load", "steal", "clock"} <= {
        finding.subject for finding in found.findings
    }
    assert "Nothing was measured (--quick)" in render(found, "table")


def test_stored_runs_without_a_hash_are_said_once(tmp_path: Path) -> None:
    old = Path(__file__).parents[1] / "data" / "schema-1"
    (said,) = (
        finding
        for finding in examine(old, tmp_path / "cache", quick=True).findings
        if finding.subject == "stored runs"
    )
    assert said.level is Level.WARNING
    assert said.found.startswith("1 run without a hash, from ")


def test_every_view_holds_every_remark(blocks, tmp_path: Path) -> None:
    open_bench = blocks()
    found = examine(
        tmp_path / "results", tmp_path / "cache", settings=TERMS, open_bench=open_bench, chains=TINY
    )
    document = json.loads(render(found, "json"))
    assert document["healthy"] is found.healthy
    assert [each["subject"] for each in document["findings"]] == [each.subject for each in found.findings]
    assert document["test"]["reach"][0]["budget_s"] == 10.0
    assert document["readings"]["clock"]["overhead_ns"] >= 0
    assert len(render(found, "csv").splitlines()) == 1 + len(found.findings)
    for view in ("table", "markdown"):
        text = render(found, view)
        assert all(finding.found in text.replace("\\", "") for finding in found.findings), view
        for model in ("small", "15 MB"):
            shown = f"{model} model, in 10 s (19 blocks to decide on): 1.00% with --min-effect 1%"
            assert shown in text.replace("\\", "")
    with pytest.raises(NotFoundError, match="did you mean 'json'"):
        render(found, "jsn")


def test_the_title_sums_up(blocks, tmp_path: Path) -> None:
    open_bench = blocks()
    found = examine(
        tmp_path / "results", tmp_path / "cache", settings=TERMS, open_bench=open_bench, chains=TINY
    )
    fine = [replace(finding, level=Level.FINE) for finding in found.findings]
    for levels, said in (
        ([], "fit for measuring"),
        ([Level.WARNING], "fit for measuring, 1 to improve"),
        ([Level.BAD, Level.WARNING], "1 to fix before its numbers can be trusted, 1 more to improve"),
    ):
        findings = [*(replace(fine[0], level=level) for level in levels), *fine[len(levels) :]]
        made = Diagnosis(readings=found.readings, findings=tuple(findings), test=found.test)
        assert render(made, "table").splitlines()[0].endswith(f": {said}")


def test_the_command_exits_by_what_it_found(harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "doctor", "Examine this machine.")
    code, out, _ = harness("doctor", "--quick", "--format", "json")
    assert code == (0 if json.loads(out)["healthy"] else 1)


@pytest.mark.parametrize(
    ("layers", "chain"), [(LAYERS, SMALL), (MORE_LAYERS, SMALL), (LAYERS, replace(LARGE, width=64))]
)
def test_the_runtime_computes_every_layer_of_the_chain(tmp_path: Path, layers: int, chain: Chain) -> None:
    """Nothing is fused or folded away, and the values neither grow nor fade."""
    import numpy as np
    import onnx
    import onnxruntime

    write_chain(tmp_path / "chain.onnx", layers, chain)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        str(tmp_path / "chain.onnx"), options, providers=["CPUExecutionProvider"]
    )
    x = np.random.default_rng(0).standard_normal((4, 64)).astype(np.float32)
    (y,) = session.run(None, {"x": x})
    assert np.linalg.norm(y) == pytest.approx(np.linalg.norm(x), rel=1e-3)
    assert not np.allclose(y, x)
    optimized = onnx.load(tmp_path / "optimized.onnx")
    assert [node.op_type for node in optimized.graph.node].count("MatMul") == layers


def test_a_real_self_test_has_blocks_of_both_kinds(tmp_path: Path) -> None:
    found = self_test(
        tmp_path / "results", tmp_path / "cache", ABSettings(min_effect=0.5, alpha=0.2, budget_s=2)
    )
    assert found.failed == ""
    assert found.control is not None
    assert found.slowdown.ratio > 0
    assert {line["stage"] == "control" for line in read_lines(Path(found.file)) if "stage" in line} == {
        True,
        False,
    }
    assert found.block_s > 0
