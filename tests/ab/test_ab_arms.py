from pathlib import Path

import pytest

from harness.ab.arms import pair_cases
from harness.core.errors import InputError
from harness.plan import plan_document


def plan(models=("m",), skip=(), **axes):
    document = {"models": {name: {"source": {"fake": {"call_ns": [1]}}} for name in models}, "axes": axes}
    if skip:
        document["skip"] = list(skip)
    return plan_document(document, Path.cwd(), "suite")


def names(pairing):
    return [pair.name for pair in pairing.pairs]


def test_cases_are_matched_by_everything_but_the_axes_that_differ():
    base = plan(graph_opt="basic", batch=[1, 8])
    head = plan(graph_opt="all", batch=[8, 1])
    pairing = pair_cases(base, head, {"graph_opt"})
    assert names(pairing) == ["m", "m/batch=8"]
    assert [(pair.base.key, pair.head.key) for pair in pairing.pairs] == [
        ("m/graph_opt=basic", "m"),
        ("m/graph_opt=basic/batch=8", "m/batch=8"),
    ]


def test_two_models_are_matched_case_by_case_and_named_both():
    pairing = pair_cases(plan(("old",), batch=[1, 8]), plan(("new",), batch=[1, 8]), {"model"})
    assert names(pairing) == ["old->new", "old->new/batch=8"]


def test_several_axes_may_differ_at_once():
    base, head = plan(graph_opt="basic", io="run"), plan(graph_opt="all", io="iobinding")
    assert names(pair_cases(base, head, ["graph_opt", "io"])) == ["m"]


def test_what_has_no_partner_is_named():
    pairing = pair_cases(plan(batch=[1, 4]), plan(batch=[1, 8], graph_opt="basic"), {"graph_opt"})
    assert names(pairing) == ["m"]
    assert pairing.only_base == ("m/batch=4",)
    assert pairing.only_head == ("m/graph_opt=basic/batch=8",)


def test_what_the_suite_skips_is_said():
    skip = {"when": {"batch": 8}, "because": "too large"}
    pairing = pair_cases(plan(batch=[1, 8], skip=[skip]), plan(batch=[1, 8], io="run"), {"io"})
    assert names(pairing) == ["m"]
    assert pairing.skipped == {"m/batch=8": "too large"}
    assert pairing.only_head == ("m/batch=8/io=run",)


def test_an_arm_with_two_values_for_one_case_is_refused():
    with pytest.raises(InputError, match=r"--base has io (run and iobinding|iobinding and run) for one case"):
        pair_cases(plan(io=["run", "iobinding"]), plan(io="run"), {"io"})
    with pytest.raises(InputError, match="add --head io=VALUE"):
        pair_cases(plan(io="run"), plan(io=["run", "iobinding"]), {"io"})


def test_arms_without_a_common_case_are_refused_with_an_example_of_each():
    with pytest.raises(InputError) as refused:
        pair_cases(plan(batch=4), plan(batch=8), {"io"})
    assert str(refused.value) == (
        "no case has a partner: the arms may differ in io only, and are, for one, m/batch=4 and m/batch=8"
    )


def test_arms_that_do_not_differ_are_refused():
    with pytest.raises(InputError, match="m is the same in both arms: let --base and --head differ"):
        pair_cases(plan(io="iobinding"), plan(io="iobinding"), {"io"})


def test_an_arm_that_is_skipped_whole_says_why():
    skip = {"when": {"batch": 8}, "because": "too large"}
    with pytest.raises(InputError, match="--base: the suite skips m/batch=8: too large"):
        pair_cases(plan(batch=8, skip=[skip]), plan(batch=4), {"io"})
