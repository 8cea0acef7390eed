import json
import math
import warnings

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from harness.core.artifact import Built
from harness.core.case import Artifact, Case, Load, Model, Session, Source
from harness.core.record import Observation
from harness.judge import Facts, judge

DTYPES = st.sampled_from(["f2", "f4", "f8", "i4", "i8", "u1", "?", "U2"])


def arrays(rows):
    shapes = st.lists(st.integers(0, 4), max_size=3).map(lambda rest: (rows, *rest)) | st.just(())
    return DTYPES.flatmap(lambda dtype: npst.arrays(dtype, shapes))


outputs = st.integers(0, 5).flatmap(arrays)
calls = st.lists(st.integers(0, 2**62), max_size=80)


@settings(max_examples=300, deadline=None)
@given(
    ours=st.none() | outputs,
    reference=st.none() | outputs,
    same=st.booleans(),
    labels=st.none() | st.integers(0, 5).flatmap(lambda n: npst.arrays(DTYPES, (n,))),
    task=st.sampled_from([None, "classification", "regression"]),
    samples=st.lists(calls, min_size=1, max_size=3),
)
def test_whatever_a_model_answers_is_judged_and_fits_in_json(ours, reference, same, labels, task, samples):
    model = Model("net", Source("fake", ()), task=task)
    facts = Facts(
        case=Case(Artifact(model), Session(), Load()),
        built=Built("p", "s", 1, 17, "fp32", {}, (), ("y",)),
        observations=tuple(
            Observation(passes=("timing",), timing={"samples_ns": item, "wall_ns": sum(item)})
            for item in samples
        ),
        output_names=("y",),
        outputs=None if ours is None else (ours,),
        reference_outputs=(ours,)
        if same and ours is not None
        else None
        if reference is None
        else (reference,),
        labels=labels,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # overflows of absurd values
        verdict = judge(facts)
    for metric in verdict.metrics.values():
        assert metric.value is None or math.isfinite(metric.value)
        assert (metric.value is None) == bool(metric.reason)
        assert metric.low is None or metric.low <= metric.high
    json.dumps([verdict.samples, [note.text for note in verdict.notes], verdict.effective], allow_nan=False)
