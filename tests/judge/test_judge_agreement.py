"""HEAD's outputs held against BASE's."""

from dataclasses import replace

import numpy as np
import pytest
from make import make_record

from harness.core.artifact import INDICES, LABELS, QUANTITIES
from harness.core.decision import Change
from harness.core.record import Absence
from harness.judge.agreement import apart, only_nonfinite, outputs_change, unlike_inputs
from harness.judge.outputs import Outputs

SCORES = np.random.default_rng(0).standard_normal((100, 10))
BOXES = np.random.default_rng(1).standard_normal((100, 4))


def outputs(per_call=(), classes=(), precision="fp32", varies=None, **arrays):
    known = dict.fromkeys(classes, -1)
    return Outputs(
        names=tuple(arrays),
        values=tuple(arrays.values()),
        per_call=frozenset(per_call),
        classes=known,
        precision=precision,
        varies=varies,
    )


def changed(base, head, *arguments, **options):
    return outputs_change(outputs(y=base), outputs(y=head), *arguments, **options)


def near_ties(changed):
    """Scores of which the best two nearly tie; in `changed` samples the other one wins in the second."""
    base = np.zeros((100, 10))
    base[np.arange(100), np.arange(100) % 10] = 1
    base[np.arange(100), (np.arange(100) + 1) % 10] = 1 - 1e-6
    head = base.copy()
    head[np.arange(changed), (np.arange(changed) + 1) % 10] = 1 + 1e-6
    return base, head


def test_classes_that_disagree_are_a_regression_where_they_are_known():
    base, head = near_ties(2)
    known = [outputs(y=array, classes=["y"]) for array in (base, head)]
    decision, metrics = outputs_change(*known)
    assert decision.verdict is Change.REGRESSION
    assert decision.reason == "98.00% of the answers agree; 99.00% are asked for"
    assert metrics["accuracy/agreement"].kind == "base"
    assert outputs_change(known[0], outputs(y=near_ties(1)[1]))[0].verdict is Change.EQUIVALENT
    assert outputs_change(*known, tolerance={"agreement": 0.95})[0].verdict is Change.EQUIVALENT


def test_no_classes_are_claimed_where_none_are_known():
    decision, metrics = changed(*near_ties(50))
    assert decision.verdict is Change.EQUIVALENT
    assert metrics["accuracy/agreement"].value is None
    assert metrics["accuracy/agreement"].reason.startswith("no classes are known: ")


def test_an_embedding_that_is_shifted_is_a_regression_though_its_largest_element_stays():
    base = np.random.default_rng(2).standard_normal((50, 128))
    decision, _ = changed(base, base + 10)
    assert decision.verdict is Change.REGRESSION
    assert decision.reason == "SQNR -20.0 dB; 80.0 dB are asked for"


def test_where_classes_are_known_distance_counts_as_well():
    base, head = (outputs(y=array, classes=["y"]) for array in (SCORES, SCORES * 1.2))
    decision, metrics = outputs_change(base, head)
    assert metrics["accuracy/agreement"].value == 1
    assert (decision.verdict, decision.reason) == (Change.REGRESSION, "SQNR 14.0 dB; 80.0 dB are asked for")


def test_the_coarser_precision_sets_the_limit():
    for precision, verdict in (("fp32", Change.REGRESSION), ("int8", Change.EQUIVALENT)):
        for arms in (("fp32", precision), (precision, "fp32")):
            base, head = (
                outputs(y=SCORES * scale, precision=name) for scale, name in zip((1, 1.05), arms, strict=True)
            )
            assert outputs_change(base, head)[0].verdict is verdict


@pytest.mark.parametrize(("stored", "verdict"), [("", Change.REGRESSION), ("bfloat16", Change.EQUIVALENT)])
def test_rounding_to_the_type_of_an_output_is_no_regression(stored, verdict):
    """A tenth of the values round to the neighbour: 50 dB and more of brain floats, which hold 8 bits."""
    head = SCORES.astype(np.float32)
    head[::10] *= 1 + 2**-8
    base = Outputs(("y",), (SCORES.astype(np.float32),), types={"y": stored} if stored else {})
    assert outputs_change(base, Outputs(("y",), (head,)))[0].verdict is verdict


def test_a_tolerance_takes_the_place_of_the_limits():
    near = SCORES + 1e-3
    assert changed(SCORES, near)[0].verdict is Change.REGRESSION
    assert changed(SCORES, near, tolerance={"sqnr_db": 40})[0].verdict is Change.EQUIVALENT
    decision, _ = changed(SCORES, near, tolerance={"sqnr_db": 40, "max_abs_error": 1e-4})
    assert (decision.verdict, decision.reason) == (
        Change.REGRESSION,
        "largest error 0.001; 0.0001 is allowed",
    )


def test_outputs_that_vary_by_themselves_allow_no_verdict():
    varying, steady = outputs(y=SCORES, varies=0.25), outputs(y=SCORES)
    for head in (steady, varying, outputs(y=SCORES + 5)):
        decision, metrics = outputs_change(varying, head)
        assert (decision.verdict, decision.reason, metrics) == (
            Change.INCONCLUSIVE,
            "outputs vary by themselves by up to 0.25",
            {},
        )
    decision, _ = outputs_change(steady, varying)
    assert (decision.verdict, decision.reason) == (
        Change.REGRESSION,
        "outputs vary by themselves by up to 0.25 in head; in base they repeat",
    )


def test_two_processes_differ_by_their_largest_difference():
    base = outputs(y=SCORES, z=IDS)
    assert apart(base, outputs(y=SCORES.copy(), z=IDS)) is None
    assert apart(base, outputs(y=SCORES + 0.5, z=IDS)) == pytest.approx(0.5)
    assert apart(outputs(y=SCORES * np.nan), outputs(y=SCORES * np.nan)) is None
    assert apart(base, Outputs(reason="lost")) is None


def test_quantized_integers_are_values_and_larger_ones_labels():
    image = np.random.default_rng(0).integers(0, 256, (20, 64))
    near = np.clip(image + 1, 0, 255)
    small = [outputs(y=array.astype(np.uint8), precision="int8") for array in (image, near)]
    assert outputs_change(*small)[0].verdict is Change.EQUIVALENT
    assert changed(image, near)[0].verdict is Change.REGRESSION


def test_identical_outputs_are_equivalent():
    assert changed(SCORES, SCORES)[0].verdict is Change.EQUIVALENT
    values = SCORES[:, 0]
    decision, _ = changed(values, values)
    assert (decision.verdict, decision.reason) == (Change.EQUIVALENT, "identical outputs")


def test_values_are_held_by_their_sqnr():
    values = np.arange(1.0, 11.0)
    decision, _ = changed(values, values * 1.2)
    assert (decision.verdict, decision.reason) == (
        Change.REGRESSION,
        "SQNR 14.0 dB; 80.0 dB are asked for",
    )
    assert changed(values, values * 1.00001)[0].verdict is Change.EQUIVALENT


def test_new_nan_is_a_regression_whatever_agrees():
    head = SCORES.copy()
    head[0, 0] = np.nan
    decision, _ = changed(SCORES, head)
    assert (decision.verdict, decision.reason) == (Change.REGRESSION, "1 NaN or Inf that base does not have")


def test_outputs_that_cannot_be_compared_are_inconclusive():
    decision, metrics = changed(SCORES, SCORES[:5])
    assert decision.verdict is Change.INCONCLUSIVE
    assert metrics == {}
    constant = np.ones((4, 3))
    assert changed(constant, constant + 1e-9)[0].verdict is Change.INCONCLUSIVE


@pytest.mark.parametrize(
    ("base", "head"),
    [
        (np.ones((4, 3)), np.full((4, 3), 11.0)),
        (np.zeros((4, 3)), np.full((4, 3), 0.001)),
        (np.zeros((100, 10)), SCORES),
        (np.zeros(8, int), np.ones(8, int)),
        (np.zeros((8, 4), bool), np.ones((8, 4), bool)),
    ],
)
def test_an_output_that_never_varied_may_become_wrong(base, head):
    decision, _ = changed(base, head)
    assert decision.verdict is Change.REGRESSION
    assert decision.reason.endswith("; degenerate base: its outputs do not vary with the input")


def with_one(value, at=(0, 0)):
    found = SCORES.copy()
    found[at] = value
    return found


def test_nan_in_both_arms_hides_nothing_of_the_rest():
    base = with_one(np.nan)
    same, metrics = changed(base, base.copy())
    assert (same.verdict, same.reason) == (Change.EQUIVALENT, "identical outputs")
    assert metrics["accuracy/max_abs_error"].value == 0.0
    shifted, metrics = changed(base, base + 10)
    assert (shifted.verdict, shifted.reason[-21:]) == (Change.REGRESSION, "80.0 dB are asked for")
    assert metrics["accuracy/max_abs_error"].value == pytest.approx(10)
    repaired, _ = changed(base, SCORES + 10)  # a number in place of NaN is none to blame, the others are
    assert (repaired.verdict, repaired.reason[:25]) == (Change.REGRESSION, "values differ by up to 10")
    nothing = np.full((100, 10), np.nan)
    none, metrics = changed(nothing, nothing.copy())
    assert (none.verdict, none.reason) == (Change.INCONCLUSIVE, "no element is finite")


@pytest.mark.parametrize(
    ("base", "head"),
    [
        (with_one(np.nan), with_one(np.nan, at=(3, 3))),
        (with_one(np.inf), with_one(-np.inf)),
        (with_one(np.inf), with_one(np.nan)),
    ],
)
def test_as_many_nan_and_inf_may_be_others(base, head):
    decision, _ = changed(base, head)
    assert (decision.verdict, decision.reason) == (Change.REGRESSION, "1 NaN or Inf that base does not have")


def test_texts_agree_or_not_as_labels_do():
    words = np.array([["cat"], ["dog"], ["cat"], ["cow"]])
    assert changed(words, words.astype(object))[0].verdict is Change.EQUIVALENT
    other = np.where(words == "cow", "dog", words)
    decision, metrics = changed(words, other)
    assert (decision.verdict, metrics["accuracy/agreement"].value) == (Change.REGRESSION, 0.75)


def test_outputs_are_matched_by_name_and_not_by_place():
    base = outputs(boxes=BOXES, scores=SCORES)
    for head in (outputs(scores=SCORES, boxes=BOXES), outputs(a=BOXES, scores=SCORES, boxes=BOXES)):
        assert outputs_change(base, head)[0].verdict is Change.EQUIVALENT
        assert outputs_change(base, head, "scores")[0].verdict is Change.EQUIVALENT
    renamed = outputs_change(base, outputs(b=BOXES, scores=SCORES))[0]
    assert (renamed.verdict, renamed.reason[-22:]) == (Change.EQUIVALENT, "'boxes' is 'b' in head")
    dropped = outputs_change(base, outputs(scores=SCORES))[0]
    assert (dropped.verdict, dropped.reason[-26:]) == (Change.INCONCLUSIVE, "head has no output 'boxes'")
    assert outputs_change(base, outputs(scores=SCORES), "scores")[0].verdict is Change.EQUIVALENT


def test_an_output_that_one_arm_lacks_is_inconclusive():
    decision, _ = outputs_change(outputs(y=SCORES), outputs(aux=SCORES, y=SCORES), "aux")
    assert (decision.verdict, decision.reason) == (
        Change.INCONCLUSIVE,
        "no output is named 'aux'; outputs: y",
    )
    none = outputs_change(Outputs(values=()), Outputs(values=()))[0]
    assert (none.verdict, none.reason) == (Change.INCONCLUSIVE, "the model has no outputs")


def test_an_output_beside_the_first_may_be_wrong_too():
    base, wrong = outputs(scores=SCORES, boxes=BOXES), outputs(scores=SCORES, boxes=-BOXES)
    decision, metrics = outputs_change(base, wrong)
    assert decision.verdict is Change.REGRESSION
    assert decision.reason == "output 'boxes': SQNR -6.0 dB; 80.0 dB are asked for"
    assert metrics["accuracy/sqnr_db"].value == pytest.approx(-6.02, abs=0.01), "of the output that is wrong"
    assert outputs_change(base, wrong, "scores")[0].verdict is Change.EQUIVALENT
    cut = outputs_change(base, outputs(scores=SCORES, boxes=BOXES[:, :3]))[0]
    assert (cut.verdict, cut.reason) == (
        Change.REGRESSION,
        "output 'boxes': the output's shape is (100, 3), base's is (100, 4)",
    )


IDS = np.arange(100) % 7


@pytest.mark.parametrize(
    ("base", "head", "verdict"),
    [
        (IDS, IDS, Change.EQUIVALENT),
        (IDS, IDS[::-1], Change.REGRESSION),
        (np.ones(100, int), np.ones(100, int), Change.EQUIVALENT),
    ],
)
def test_integers_beside_the_first_are_held_by_agreement(base, head, verdict):
    decision, _ = outputs_change(outputs(y=SCORES, ids=base), outputs(y=SCORES, ids=head))
    assert decision.verdict is verdict
    assert "not judged" not in decision.reason


def test_what_cannot_be_judged_beside_the_first_is_named():
    zeros = np.zeros((100, 4))
    decision, _ = outputs_change(outputs(y=SCORES, z=zeros), outputs(y=SCORES, z=zeros + 1e-9))
    assert decision.verdict is Change.EQUIVALENT
    assert decision.reason.endswith(
        "; output 'z' is not judged: degenerate base: its outputs do not vary with the input"
    )


def test_others_count_where_the_first_cannot_be_compared():
    nothing = np.zeros((0, 4))
    base = outputs(boxes=nothing, scores=SCORES)
    assert outputs_change(base, outputs(boxes=nothing, scores=-SCORES))[0].verdict is Change.REGRESSION
    decision, _ = outputs_change(base, outputs(boxes=nothing, scores=SCORES))
    assert (decision.verdict, decision.reason) == (Change.INCONCLUSIVE, "the output is empty")


def test_nan_counts_output_by_output():
    nan = np.full((100, 4), np.nan)
    more = outputs(y=SCORES, mask=nan)
    assert outputs_change(outputs(y=SCORES), more)[0].verdict is Change.EQUIVALENT  # it is new altogether
    broken = SCORES.copy()
    broken[0, 0] = np.inf
    decision, _ = outputs_change(more, outputs(y=broken))
    assert (decision.verdict, decision.reason) == (
        Change.REGRESSION,
        "1 NaN or Inf that base does not have; head has no output 'mask'",
    )
    assert outputs_change(outputs(y=SCORES, z=SCORES), outputs(y=SCORES, z=nan), "y")[0].verdict is (
        Change.EQUIVALENT
    )


def test_a_regression_model_has_no_classes():
    flat = np.ones((50, 8)) + 1e-9 * np.random.default_rng(0).standard_normal((2, 50, 8))
    flat *= np.linspace(1, 2, 50)[:, None]
    ties = [outputs(y=array, classes=["y"]) for array in flat]
    assert outputs_change(*ties)[0].verdict is Change.REGRESSION
    assert changed(flat[0], flat[1])[0].verdict is Change.EQUIVALENT
    assert changed(IDS, IDS[::-1])[0].verdict is Change.REGRESSION  # there is nothing else


def test_another_shape_is_wrong_unless_the_load_explains_it():
    decision, metrics = changed(SCORES, SCORES[:, :9])
    assert (decision.verdict, metrics) == (Change.REGRESSION, {})
    assert decision.reason == "the output's shape is (100, 9), base's is (100, 10)"
    assert changed(SCORES, SCORES[:, :9], same_load=False)[0].verdict is Change.INCONCLUSIVE


@pytest.mark.parametrize(
    ("base", "head", "verdict"),
    [
        ((16, 40), (644,), Change.INCONCLUSIVE),  # a detector's boxes, as many as there are
        ((1, 40), (1, 44), Change.INCONCLUSIVE),  # of one call it cannot be told
        ((16, 40), (16, 36), Change.REGRESSION),  # as many in every call
    ],
)
def test_another_size_is_no_verdict_where_it_depends_on_the_data(base, head, verdict):
    assert outputs_change(*(outputs(["y"], y=np.ones(size)) for size in (base, head)))[0].verdict is verdict


def test_of_another_size_only_nan_where_there_was_none_counts():
    masked, more = (np.where(np.eye(size, 40) > 0, -np.inf, 1.0).ravel() for size in (16, 17))
    base, head = (outputs(["y"], y=array) for array in (masked, more))
    assert outputs_change(base, head)[0].verdict is Change.INCONCLUSIVE
    assert outputs_change(outputs(["y"], y=np.ones(600)), head)[0].verdict is Change.REGRESSION


def test_of_other_inputs_only_nan_where_there_was_none_counts():
    broken = np.where(np.eye(100, 10) > 0, np.nan, SCORES)
    base, head = outputs(y=SCORES), outputs(y=broken, mask=broken)
    decision = only_nonfinite(base, head, None, "other inputs")
    assert (decision.verdict, decision.reason) == (
        Change.REGRESSION,
        "10 NaN or Inf, none in base; other inputs",
    )
    for arms in ((head, head), (base, outputs(y=SCORES, mask=broken)), (base, outputs(y=-SCORES))):
        assert only_nonfinite(*arms, None, "other inputs").verdict is Change.INCONCLUSIVE
    assert only_nonfinite(base, head, "mask", "other inputs").verdict is Change.INCONCLUSIVE


def fed(*inputs, data=None):
    """A record of these inputs; the sizes in `shape` are as fed."""
    return make_record(
        case="c",
        asked={"load": {"batch": inputs[0]["fed"][0] if inputs else 1}},
        artifact={"inputs": inputs},
        effective={
            "data": data,
            "session": {"input_shapes": {item["name"]: item["fed"] for item in inputs}},
        },
    )


def image(name="x", size=64, dtype="float32", batch=1, **bounds):
    item = {"name": name, "shape": ["N", 3, "size"], "dtype": dtype, "low": None, "high": None, **bounds}
    return {**item, "fed": [batch, 3, size]}


def frames(count):
    """An input whose samples are not on the first axis."""
    return {**image("frames"), "fed": [count, 1, 64]}


@pytest.mark.parametrize(
    ("base", "head"),
    [
        (fed(image()), fed(image())),
        (fed(image()), fed({**image(), "shape": [1, 3, 64]})),
        (fed(image()), fed(image(batch=8))),
        (fed(image()), fed(image(dtype="float16"))),
        (fed(image(), image("mask")), fed(image())),
        (fed(image("a"), data={"sha256": "1"}), fed(image("b"), data={"sha256": "1"})),
    ],
)
def test_the_same_values_are_fed(base, head):
    assert unlike_inputs(base, head) == ""


@pytest.mark.parametrize(
    ("base", "head", "why"),
    [
        (fed(image("a")), fed(image("b")), "the inputs are named a in base and b in head, and random values"),
        (fed(image()), fed(image(size=32)), "input 'x' is of another shape or range in head"),
        (fed(image(), frames(8)), fed(image(), frames(4)), "input 'frames' is of another shape or range"),
        (fed(image(dtype="int64", high=99)), fed(image(dtype="int64", high=50)), "input 'x' is of another"),
        (
            fed(image(), data={"name": "digits", "sha256": "1"}),
            fed(image()),
            "the inputs are digits in base, ",
        ),
        (
            fed(data={"name": "a", "sha256": "1"}),
            fed(data={"name": "b", "sha256": "2"}),
            "the inputs are a in",
        ),
    ],
)
def test_other_values_are_fed(base, head, why):
    assert unlike_inputs(base, head).startswith(why)


@pytest.mark.parametrize("empty", [np.zeros((100, 0)), np.zeros((0, 10)), np.zeros(0)])
@pytest.mark.parametrize("per_call", [(), ("y",)])
def test_an_output_that_lost_all_its_values_is_a_regression(empty, per_call):
    """A detector that finds nothing any more, whatever says how many values there are."""
    base, head = outputs(per_call, y=SCORES), outputs(per_call, y=empty)
    decision, _ = outputs_change(base, head, same_load=False)
    assert decision.verdict is Change.REGRESSION
    assert decision.reason == "the output is empty; the other has 1000 values"
    assert outputs_change(head, head)[0].verdict is Change.INCONCLUSIVE, "nothing was compared"


def test_coordinates_in_whole_numbers_differ_by_more_or_less_and_labels_in_floats_do_not():
    """Rounded to whole numbers a third of the values is one off; three of a hundred labels are others."""
    boxes = np.arange(1000).reshape(250, 4)
    base, head = outputs(y=boxes), outputs(y=boxes + (boxes % 3 == 0))
    assert outputs_change(base, head)[0].verdict is Change.REGRESSION
    base, head = (item.holding({"y": QUANTITIES}) for item in (base, head))
    assert outputs_change(base, head)[0].verdict is Change.EQUIVALENT
    labels = np.full(100, 200, np.float32)
    labels[::2] = 199
    other = labels + (np.arange(100) < 3)
    base, head = (outputs(y=array, precision="int8") for array in (labels, other))
    assert outputs_change(base, head)[0].verdict is Change.EQUIVALENT
    base, head = (item.holding({"y": LABELS}) for item in (base, head))
    decision = outputs_change(base, head)[0]
    assert (decision.verdict, decision.reason) == (
        Change.REGRESSION,
        "97.00% of the answers agree; 99.00% are asked for",
    )


def test_indices_that_swap_are_no_regression_unless_they_are_classes():
    """The ten largest of scores in which every other pair is a near tie: half of the places differ."""
    places = np.tile(np.arange(10), (50, 1)) + np.arange(50)[:, None]
    swapped = places[:, [0, 1, 2, 3, 4, 6, 5, 8, 7, 9]]
    base, head = (outputs(y=array).holding({"y": INDICES}) for array in (places, swapped))
    decision, metrics = outputs_change(base, head)
    assert decision.verdict is Change.INCONCLUSIVE
    assert decision.reason == "60.00% of the indices are the same; 99.00% are asked for"
    assert metrics["accuracy/agreement"].value is None
    assert outputs_change(base, base)[0].verdict is Change.EQUIVALENT
    beside = [outputs(y=array, v=SCORES).holding({"y": INDICES}) for array in (places, swapped)]
    decision, metrics = outputs_change(*beside)
    assert decision.verdict is Change.EQUIVALENT, "the values beside them decide"
    assert metrics["accuracy/sqnr_db"].absence is Absence.IDENTICAL
    fewer = outputs(y=places[:, :4]).holding({"y": INDICES})
    assert outputs_change(base, fewer)[0].verdict is Change.INCONCLUSIVE, "the data say how many are kept"
    base, head = (replace(item, classes={"y": -1}) for item in (base, head))
    assert outputs_change(base, head)[0].verdict is Change.REGRESSION


@pytest.mark.parametrize(("kept", "verdict"), [(0, Change.REGRESSION), (20, Change.EQUIVALENT)])
def test_a_mask_of_nothing_is_no_mask_of_little(kept, verdict):
    base = np.zeros((4, 64, 64), bool)
    base[0, :8, :4] = True  # 32 of 16,384
    head = base.copy()
    head[0, :8, :4] = np.arange(32).reshape(8, 4) < kept
    decision, metrics = changed(base, head)
    assert metrics["accuracy/agreement"].value > 0.998
    assert decision.verdict is verdict
    beside = "0.00% of the 32 answers beside the most common one agree"
    assert decision.reason.startswith(beside) is (verdict is Change.REGRESSION)


def test_a_model_that_draws_random_numbers_has_no_regression_though_its_answers_repeated():
    base, head = (replace(outputs(y=array), draws=("Multinomial",)) for array in (SCORES, SCORES + 1))
    decision = outputs_change(base, head)[0]
    assert decision.verdict is Change.INCONCLUSIVE
    assert decision.reason.endswith("; the model draws random numbers (Multinomial)")
    assert outputs_change(base, base)[0].verdict is Change.EQUIVALENT
    assert outputs_change(replace(base, draws=()), head)[0].verdict is Change.REGRESSION
