# ruff: noqa: E501 (messages and suites stand on one line)
"""Which cells a suite measures, which it skips and why, and what is no part of it."""

from __future__ import annotations

import pytest

from harness.core.conditions import fits, matches, spell

from .planning import ONE, Planner, Problems, keys

GRID = ONE + "axes: {precision: [fp32, int8_static, int8_dynamic], batch: [1, 8]}\n"
TORCH = "models: {t: {source: {torch: 'a:b'}}}\n"


def test_a_skip_keeps_its_cells_with_their_reason(planned: Planner) -> None:
    made = planned(GRID + "skip: [{when: {precision: 'int8_*', batch: 8}, because: slow}]\n")
    assert keys(made) == ["m", "m/batch=8", "m/precision=int8_static", "m/precision=int8_dynamic"]
    assert [(skip.case.key, skip.because) for skip in made.skips] == [
        ("m/precision=int8_static/batch=8", "slow"),
        ("m/precision=int8_dynamic/batch=8", "slow"),
    ]


def test_the_first_rule_that_matches_gives_the_reason(planned: Planner) -> None:
    made = planned(
        GRID
        + "skip:\n- {when: {precision: int8_static}, because: first}\n- {when: {batch: 8}, because: second}\n"
    )
    assert [(skip.case.key, skip.because) for skip in made.skips] == [
        ("m/batch=8", "second"),
        ("m/precision=int8_static", "first"),
        ("m/precision=int8_static/batch=8", "first"),
        ("m/precision=int8_dynamic/batch=8", "second"),
    ]


def test_a_condition_takes_lists_numbers_names_and_null(planned: Planner) -> None:
    text = (
        ONE
        + "axes: {opset: [null, 17], graph_opt: [disable, all], intra_threads: [auto, 1], batch: [1, 8, 32]}\n"
    )
    made = planned(
        text
        + "skip: [{when: {opset: null, graph_opt: 99, intra_threads: auto, batch: [8, '3*']}, because: x}]\n"
    )
    assert [skip.case.key for skip in made.skips] == ["m/batch=8", "m/batch=32"]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("skip: [{when: {bach: 1}, because: x}]", "skip[0].when.bach: unknown key 'bach': did you mean 'batch'?"),
        ("skip: [{when: {batch: 9}, because: x}]", "skip[0].when.batch: no cell has batch '9': known: 1, 8"),
        ("skip: [{when: {batch: [1, 9]}, because: x}]", "skip[0].when.batch: no cell has batch '9': known: 1, 8"),
        ("skip: [{when: {model: n}, because: x}]", "skip[0].when.model: no cell has model 'n': known: m"),
        ("only: [{precision: int8_dynamc}]", "only[0].precision: no cell has precision 'int8_dynamc': did you mean 'int8_dynamic'?"),
        ("only: [{precision: 'q*'}]", "only[0].precision: no cell has precision 'q*': known: fp32, int8_dynamic, int8_static"),
        ("gates: [{metric: latency/p50, max: 1, case: {io: run}}]", "gates[0].case.io: no cell has io 'run': known: iobinding"),
        ("baseline: {precision: fp16}", "baseline.precision: no cell has precision 'fp16': known: fp32, int8_dynamic, int8_static"),
        ("baseline: {precision: 'fp*'}", "baseline.precision: no cell has precision 'fp[*]': known: fp32, int8_dynamic, int8_static"),
    ],
)  # fmt: skip
def test_a_rule_that_can_never_match_is_a_mistake(problems: Problems, rule: str, told: str) -> None:
    (line,) = problems(GRID + rule)
    assert line.startswith(f"s.yaml:3: {told}")


def test_a_rule_whose_values_never_meet_in_one_cell_is_a_mistake(problems: Problems) -> None:
    text = (
        "models: {a: {source: {zoo: vgg19}, axes: {batch: 8}}, b: {source: {zoo: vgg19}}}\n"
        "skip: [{when: {model: b, batch: 8}, because: x}]\n"
    )
    assert problems(text) == ["s.yaml:2: skip[0].when: no cell of the suite meets all of this"]


def test_what_set_took_out_makes_no_rule_a_mistake(planned: Planner) -> None:
    text = GRID + "skip: [{when: {batch: 8, precision: int8_dynamic}, because: x}]\nbaseline: {batch: 8}\n"
    assert keys(planned(text, ("axes.batch=1",), ("precision=int8_dynamic",))) == ["m/precision=int8_dynamic"]


def test_only_keeps_what_meets_one_of_its_conditions_and_forgets_the_rest(planned: Planner) -> None:
    made = planned(GRID + "only: [{precision: fp32}, {precision: int8_static, batch: 1}]\n")
    assert keys(made) == ["m", "m/batch=8", "m/precision=int8_static"]
    assert made.skips == ()


def test_filters_of_the_command_line_hold_all_together_and_add_up_on_one_axis(planned: Planner) -> None:
    assert keys(planned(GRID, (), ("batch=8", "precision=fp32", "precision=int8_s*"))) == [
        "m/batch=8",
        "m/precision=int8_static/batch=8",
    ]
    assert keys(planned(GRID, (), ("batch=8,1", "precision=fp32"))) == ["m", "m/batch=8"]


def test_filters_of_the_command_line_come_on_top_of_only(planned: Planner) -> None:
    text = GRID + "only: [{precision: fp32}, {precision: int8_static, batch: 1}]\n"
    assert keys(planned(text, (), ("batch=1",))) == ["m", "m/precision=int8_static"]


def test_filters_know_names_for_levels_and_null(planned: Planner) -> None:
    text = ONE + "axes: {graph_opt: [disable, all], opset: [null, 17]}\n"
    assert keys(planned(text, (), ("graph_opt=0", "opset=null"))) == ["m/graph_opt=disable"]


def test_skipped_cells_are_filtered_too(planned: Planner) -> None:
    made = planned(GRID + "skip: [{when: {batch: 8}, because: x}]\n", (), ("precision=fp32",))
    assert [skip.case.key for skip in made.skips] == ["m/batch=8"]


@pytest.mark.parametrize(
    ("only", "told"),
    [
        (("batch=9",), "--only batch=9: no cell has batch '9': known: 1, 8"),
        (("bach=9",), "--only bach=9: unknown axis 'bach': did you mean 'batch'?"),
        (("batch",), "--only batch: expected AXIS=VALUE[,VALUE] such as batch=1,8"),
        (("batch=1,",), "--only batch=1,: expected AXIS=VALUE[,VALUE] such as batch=1,8"),
        (("model=m", "precision=int4"), "--only precision=int4: no cell has precision 'int4': "),
    ],
)
def test_a_wrong_filter_is_one_line_that_cites_it(
    problems: Problems, only: tuple[str, ...], told: str
) -> None:
    (line,) = problems(GRID, (), only)
    assert line.startswith(told)


def test_a_filter_that_leaves_nothing_is_an_error(problems: Problems) -> None:
    text = GRID + "only: [{batch: 8}]\n"
    assert problems(text, (), ("precision=fp32", "batch=1")) == [
        "--only precision=fp32 --only batch=1: no cell of the suite is left"
    ]


def test_only_whose_values_never_meet_is_told_with_its_line(problems: Problems) -> None:
    text = "models: {a: {source: {zoo: vgg19}, axes: {batch: 8}}, b: {source: {zoo: vgg19}}}\nonly: [{model: b, batch: 8}]\n"
    assert problems(text) == ["s.yaml:2: only[0]: no cell of the suite meets all of this"]


def test_a_runtime_is_filtered_by_what_its_key_shows(planned: Planner) -> None:
    text = ONE + "axes: {runtime: [current, onnxruntime==1.22.1]}\n"
    assert keys(planned(text, (), ("runtime=onnxruntime==1.22.1",))) == ["m/runtime=onnxruntime==1.22.1"]


def test_the_baseline_is_written_as_the_axes_of_its_case(planned: Planner) -> None:
    made = planned(
        ONE
        + "axes: {opset: [null, 17], graph_opt: [0, 99], batch: [1, 8]}\nbaseline: {opset: null, graph_opt: 99, batch: 8}\n"
    )
    assert made.suite.baseline == {"opset": None, "graph_opt": "all", "batch": 8}


def test_a_torch_source_is_exported_by_dynamo_unless_told_otherwise(planned: Planner) -> None:
    assert planned(TORCH).cases[0].artifact.exporter == "dynamo"
    assert keys(planned(TORCH)) == ["t"]
    made = planned(
        TORCH + "axes: {exporter: [dynamo, torchscript]}\nskip: [{when: {exporter: dynamo}, because: x}]\n"
    )
    assert keys(made) == ["t/exporter=torchscript"]
    assert [skip.case.key for skip in made.skips] == ["t"]


def test_an_exporter_of_a_source_that_is_not_torch_is_skipped_with_a_reason(planned: Planner) -> None:
    made = planned(
        "models: {t: {source: {torch: 'a:b'}}, z: {source: {zoo: vgg19}}, y: {source: {zoo: vgg19}, axes: {exporter: null}}}\n"
        "axes: {exporter: [dynamo, torchscript]}\n"
    )
    assert keys(made) == ["t", "t/exporter=torchscript", "y"]
    assert [(skip.case.key, skip.because) for skip in made.skips] == [
        ("z", "an exporter needs a torch source: z is zoo"),
        ("z/exporter=torchscript", "an exporter needs a torch source: z is zoo"),
    ]


@pytest.mark.parametrize("model", [TORCH, ONE])
def test_null_and_dynamo_are_the_same_exporter(problems: Problems, model: str) -> None:
    (line,) = problems(model + "axes: {exporter: [null, dynamo]}\n")
    assert line.startswith("s.yaml: axes: two cells have the key ")


def test_matching_is_to_the_letter_or_by_glob() -> None:
    assert spell(None) == "null"
    assert fits("int8_static", ("fp32", "int8_*"))
    assert fits("a*[b]", ("a*[b]",))
    assert not fits("FP32", ("fp32",))
    assert matches({"batch": 8, "opset": None}, {"batch": ("8",), "opset": ("null",)})
    assert not matches({"batch": 8}, {"batch": ("1", "32")})
    assert not matches({"batch": 8}, {"io": ("*",)})
    assert matches({"batch": 8}, {})
