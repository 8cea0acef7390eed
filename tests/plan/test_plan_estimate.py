# ruff: noqa: E501 (messages and suites stand on one line)
"""What a plan comes to, before it runs."""

from __future__ import annotations

import pytest

from harness.plan import estimate
from harness.plan.estimate import ARTIFACT_S, CALL_S, EXPORT_S, PROCESS_S

from .planning import ONE, Planner


def test_cases_artifacts_and_skips_are_counted(planned: Planner) -> None:
    made = planned(
        ONE + "axes: {opset: [17, 18], precision: [fp32, int8_static], batch: [1, 8]}\n"
        "skip:\n- {when: {opset: 18, batch: 8}, because: a}\n- {when: {opset: 18, precision: int8_static}, because: b}\n"
    )
    known = estimate(made)
    assert (known.cases, known.artifacts_to_build) == (5, 3)
    assert known.skips == {"a": 2, "b": 1}


def test_the_fp32_twins_that_accuracy_needs_are_counted_as_artifacts(planned: Planner) -> None:
    text = ONE + "axes: {opset: [17, 18], precision: int8_static}\n"
    assert estimate(planned(text)).artifacts_to_build == 4
    assert estimate(planned(text + "measure: {accuracy: false}\n")).artifacts_to_build == 2


@pytest.mark.parametrize(
    ("sampling", "stretch_s"),
    [
        ("{seconds: 2, warmup_seconds: 0.5}", 2.5),
        ("{calls: 100, warmup_seconds: 0.5}", 0.5 + 100 * CALL_S),
        ("{calls: 100, seconds: 0.1, warmup_seconds: 0.5}", 0.6),
        ("{calls: 100000, max_seconds: 7, warmup_seconds: 0.5}", 7.5),
        ("{target_ci: 1%, max_seconds: 7, warmup_seconds: 0.5}", 7.5),
        ("{seconds: 2, warmup_seconds: 0, warmup_calls: 1000}", 2 + 1000 * CALL_S),
    ],
)
def test_a_case_is_estimated_by_its_sampling(planned: Planner, sampling: str, stretch_s: float) -> None:
    made = planned(f"{ONE}sampling: {sampling}\n")
    assert estimate(made).seconds == pytest.approx(ARTIFACT_S + PROCESS_S + stretch_s + 3 * 0.2)


def test_every_process_takes_its_time_and_passes_run_once(planned: Planner) -> None:
    text = (
        ONE
        + "sampling: {seconds: 2, warmup_seconds: 1, warmup_calls: 0, processes: 3}\nmeasure: {memory: false, accuracy: false}\n"
    )
    assert estimate(planned(text)).seconds == pytest.approx(ARTIFACT_S + 3 * (PROCESS_S + 3) + 0.2)


def test_what_is_known_of_earlier_runs_is_believed(planned: Planner) -> None:
    made = planned(ONE + "axes: {batch: [1, 8], opset: [17, 18]}\n")
    alone = estimate(planned(ONE)).seconds - ARTIFACT_S
    assert estimate(made, {case.key: 3.0 for case in made.cases}).seconds == pytest.approx(12.0)
    partly = {"m/opset=17": 3.0, "m/opset=17/batch=8": 4.0, "elsewhere": 99.0}
    assert estimate(made, partly).seconds == pytest.approx(7.0 + 2 * alone + ARTIFACT_S)
    assert estimate(made, {}).seconds == estimate(made).seconds


def test_a_torch_export_takes_longer_than_what_is_made_of_it(planned: Planner) -> None:
    text = "models: {t: {source: {torch: 'a:b'}}}\naxes: {precision: [fp32, int8_dynamic], opset: [17, 18]}\n"
    case_s = estimate(planned(ONE)).seconds - ARTIFACT_S
    assert estimate(planned(text)).seconds == pytest.approx(4 * case_s + 2 * EXPORT_S + 2 * ARTIFACT_S)


def test_what_gates_of_percentiles_add_is_counted_by_their_calls(planned: Planner) -> None:
    text = (
        ONE
        + "axes: {batch: [1, 8, 32]}\nsampling: {calls: 10, warmup_seconds: 0, warmup_calls: 0, processes: 2}\n"
    )
    plain = estimate(planned(text))
    gates = "gates: [{metric: latency/p95, max: 1 s}, {metric: latency/p99, max: 1 s, case: {batch: 32}}]\n"
    gated = estimate(planned(text + gates))
    assert plain.gated == estimate(planned(text + "gates: [{metric: latency/p50, max: 1 s}]\n")).gated == ()
    assert [(item.calls, item.cases) for item in gated.gated] == [(130, 2), (662, 1)]
    added = [item.seconds for item in gated.gated]
    assert added == pytest.approx([2 * 2 * 120 * CALL_S, 2 * 652 * CALL_S])
    assert gated.seconds - plain.seconds == pytest.approx(sum(added))
