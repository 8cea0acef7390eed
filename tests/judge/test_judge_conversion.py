"""How a converted model is held to the answers of its original."""

import numpy as np
import pytest

from harness.core.record import Absence, Status
from harness.judge import judge

ROWS = np.linspace(1, 2, 40, dtype=np.float32).reshape(10, 4)


@pytest.fixture
def judged(facts):
    """Judge a conversion: outputs of the file, and the original's answers."""

    def run(ours, source, **parts):
        arrays = {"outputs": (ours,), "reference_outputs": (ours,)}
        return judge(facts(**arrays, source_outputs=(source,), source_names=("y",), **parts))

    return run


def test_the_same_answers_are_alike(judged):
    verdict = judged(ROWS, ROWS)
    assert verdict.status is Status.OK
    assert verdict.metrics["accuracy/vs_source"].value == 1.0
    assert verdict.metrics["accuracy/vs_source_sqnr_db"].absence is Absence.IDENTICAL


def test_a_conversion_that_changes_answers_fails_with_the_first_row_that_differs(judged):
    source = ROWS.copy()
    source[6] += 1.0
    verdict = judged(ROWS, source)
    assert verdict.status is Status.FAILED
    assert verdict.reason.startswith("the conversion changes answers: output 'y': SQNR ")
    assert "; first in row 6: [2.61538, 2.64103, 2.66667, 2.69231] in the source, [1.61538" in verdict.reason
    assert verdict.metrics["accuracy/vs_source"].value == pytest.approx(0.9)
    assert verdict.metrics["accuracy/vs_source_error"].value == pytest.approx(1.0)


def test_text_is_compared_as_text(judged):
    ours = np.array(["a", "b"] * 5, dtype=object)
    assert judged(ours, np.array(["a", "b"] * 5)).metrics["accuracy/vs_source"].value == 1.0
    other = np.array(["a", "b"] * 4 + ["a", "c"])
    assert judged(ours, other).metrics["accuracy/vs_source"].value == 0.9


def test_a_source_of_which_no_answers_are_kept_has_none_and_is_not_listed(facts):
    metric = judge(facts(outputs=(ROWS,), source_reason="not kept")).metrics["accuracy/vs_source"]
    assert (metric.value, metric.reason, metric.absence) == (None, "not kept", Absence.NOT_ASKED)
