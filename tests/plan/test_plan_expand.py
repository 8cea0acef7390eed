# ruff: noqa: E501 (messages and suites stand on one line)
"""Cases: their keys, their order, what they share, and how many there may be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.core.errors import SuiteError
from harness.plan import estimate, plan_document, plan_model

from .planning import ONE, Planner, Problems, keys

WIDE = {
    "models": {f"m{i}": {"source": {"zoo": "squeezenet"}} for i in range(3)},
    "axes": {
        "opset": list(range(11, 21)),
        "precision": ["fp32", "int8_static"],
        "graph_opt": ["disable", "basic", "extended", "all"],
        "execution_mode": ["sequential", "parallel"],
        "intra_threads": [1, 2, 4, 8, 16],
        "batch": [2**i for i in range(20)] + [3, 5, 7, 9, 11],
        "io": ["iobinding", "run"],
    },
    "skip": [
        {"when": {"model": f"m{i}", "precision": "int8_*", "batch": 512 * (i + 1)}, "because": f"reason {i}"}
        for i in (0, 1)
    ],
}
"""3 models of 10 x 2 x 4 x 2 x 5 x 25 x 2 = 40,000 cells each."""


def test_keys_are_pinned_as_changing_one_orphans_a_trend(planned: Planner) -> None:
    text = (
        "models:\n"
        "  digits_cnn: {source: {onnx: s.yaml}}\n"
        "  net: {source: {torch: 'a:b'}, axes: {exporter: [dynamo, torchscript], opset: 18, precision: fp32, batch: 1}}\n"
        "axes:\n"
        "  opset: [null, 17]\n"
        "  precision: [fp32, int8_pc: {method: static, per_channel: true}]\n"
        "  batch: [1, 32]\n"
    )
    assert keys(planned(text)) == [
        "digits_cnn",
        "digits_cnn/batch=32",
        "digits_cnn/precision=int8_pc",
        "digits_cnn/precision=int8_pc/batch=32",
        "digits_cnn/opset=17",
        "digits_cnn/opset=17/batch=32",
        "digits_cnn/opset=17/precision=int8_pc",
        "digits_cnn/opset=17/precision=int8_pc/batch=32",
        "net/opset=18",
        "net/exporter=torchscript/opset=18",
    ]


def test_a_key_names_every_axis_that_is_not_at_its_default(planned: Planner) -> None:
    text = (
        "models: {m: {source: {torch: 'a:b'}}}\n"
        "axes: {exporter: torchscript, opset: 17, precision: int8_static, format: ort, runtime: onnxruntime==1.22.1,\n"
        "  provider: openvino, graph_opt: disable, execution_mode: parallel, intra_threads: 2, inter_threads: 3,\n"
        '  config: {calm: {a: "0"}}, batch: 8, shapes: {short: {seq: 4}}, io: run}\n'
    )
    assert keys(planned(text)) == [
        "m/exporter=torchscript/opset=17/precision=int8_static/format=ort/runtime=onnxruntime==1.22.1"
        "/provider=openvino/graph_opt=disable/execution_mode=parallel/intra_threads=2/inter_threads=3"
        "/config=calm/batch=8/shapes=short/io=run"
    ]


def test_a_key_does_not_depend_on_the_order_of_the_axes_in_the_file(planned: Planner) -> None:
    one = planned(ONE + "axes: {batch: 8, opset: 17, io: run}\n")
    other = planned(ONE + "axes: {io: run, opset: 17, batch: 8}\n")
    assert keys(one) == keys(other) == ["m/opset=17/batch=8/io=run"]


def test_cases_are_grouped_by_artifact_then_session_then_load(planned: Planner) -> None:
    text = "axes: {batch: [1, 8], graph_opt: [disable, all], opset: [17, 18]}\n"
    assert keys(planned(ONE + text)) == [
        f"m/opset={opset}{graph_opt}{batch}"
        for opset in (17, 18)
        for graph_opt in ("/graph_opt=disable", "")
        for batch in ("", "/batch=8")
    ]


def test_models_come_in_the_order_of_the_file(planned: Planner) -> None:
    made = planned("models: {b: {source: {zoo: vgg19}}, a: {source: {zoo: vgg19}}}\n")
    assert [model.name for model in made.suite.models] == keys(made) == ["b", "a"]


def test_a_model_may_narrow_an_axis_and_then_the_suites_values_do_not_count(planned: Planner) -> None:
    text = "models: {a: {source: {zoo: vgg19}}, b: {source: {zoo: vgg19}, axes: {batch: 2, opset: null}}}\n"
    assert keys(planned(text + "axes: {batch: [1, 8], opset: 17}\n")) == [
        "a/opset=17",
        "a/opset=17/batch=8",
        "b/batch=2",
    ]


def test_artifacts_sessions_and_loads_are_shared(planned: Planner) -> None:
    made = planned(
        "models: {a: {source: {zoo: vgg19}}, b: {source: {zoo: vgg19}}}\naxes: {graph_opt: [0, 1], batch: [1, 2, 3]}\n"
    )
    assert len(made.cases) == 12
    assert len({id(case.artifact) for case in made.cases}) == 2
    assert len({id(case.session) for case in made.cases}) == 2
    assert len({id(case.load) for case in made.cases}) == 3


def test_two_wheels_of_one_name_would_share_a_key(problems: Problems) -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        Path(folder, "onnxruntime-1-py3-none-any.whl").touch()
    wheels = "[a/onnxruntime-1-py3-none-any.whl, b/onnxruntime-1-py3-none-any.whl]"
    assert problems(f"{ONE}axes: {{runtime: {wheels}}}") == [
        "s.yaml:2: axes.runtime: 'onnxruntime-1-py3-none-any.whl' is there twice"
    ]


def test_a_product_beyond_all_bounds_is_refused_before_it_is_made(problems: Problems) -> None:
    batches = ", ".join(str(i) for i in range(1, 5001))
    assert problems(
        f"{ONE}axes: {{batch: [{batches}], intra_threads: [{batches.partition(', 4097')[0]}]}}"
    ) == ["s.yaml: axes: the axes come to 20480000 cells: at most 1000000, so take values or models out"]


def test_a_large_plan_is_complete_and_every_key_is_its_own() -> None:
    made = plan_document(WIDE, Path.cwd(), "wide")
    assert len(made.cases) + len(made.skips) == 120_000
    assert len(made.skips) == 2 * 10 * 4 * 2 * 5 * 2
    cells = [*keys(made), *(skip.case.key for skip in made.skips)]
    assert len(set(cells)) == 120_000
    assert estimate(made).cases == len(made.cases)


def test_planning_imports_nothing_heavy(folder: Path) -> None:
    Path("s.yaml").write_text(ONE + "axes: {batch: [1, 2], precision: [fp32, int8_static]}\n")
    code = (
        "import sys; from pathlib import Path; from harness.plan import estimate, plan\n"
        "made = plan(Path('s.yaml')); assert estimate(made).cases == 4\n"
        "print(*{'onnx', 'onnxruntime', 'torch', 'pandas', 'numpy', 'scipy', 'duckdb', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_document_without_a_file_is_planned_alike(folder: Path) -> None:
    Path("m.onnx").touch()
    document = {"models": {"m": {"source": {"onnx": "m.onnx"}}}, "axes": {"batch": [1, 8]}}
    made = plan_document(document, folder, "m", ["axes.io=run"], ["batch=8"])
    assert keys(made) == ["m/batch=8/io=run"]
    assert (made.suite.name, made.suite.path) == ("m", "")
    assert document == {"models": {"m": {"source": {"onnx": "m.onnx"}}}, "axes": {"batch": [1, 8]}}


def test_mistakes_in_a_document_without_a_file_carry_its_name(folder: Path) -> None:
    with pytest.raises(
        SuiteError, match=r"^mine: axes\.batch\[0\]: expected an integer from 1 to 1048576, got 'x'$"
    ):
        plan_document(
            {"models": {"m": {"source": {"zoo": "vgg19"}}}, "axes": {"batch": ["x"]}}, folder, "mine"
        )


def test_a_model_file_is_planned_without_a_suite(folder: Path) -> None:
    Path("net.onnx").touch()
    made = plan_model(
        Path("net.onnx"),
        {"batch": [1, 8], "io": "run"},
        data="digits",
        shapes={"seq": 4},
        output="y",
        sampling={"seconds": 2, "processes": None},
        strict_provider=True,
        overrides=["axes.opset=17"],
        only=["batch=8"],
    )
    assert keys(made) == ["net/opset=17/batch=8/io=run"]
    assert yaml.safe_load(made.suite.text) == {
        "models": {
            "net": {"source": {"onnx": "net.onnx"}, "data": "digits", "shapes": {"seq": 4}, "output": "y"}
        },
        "axes": {"batch": [1, 8], "io": "run", "opset": [17]},
        "sampling": {"seconds": 2},
        "strict_provider": True,
    }
    assert keys(plan_model(Path("net.onnx"))) == ["net"]


def test_a_source_is_planned_without_a_suite_and_mistakes_carry_the_name_given(folder: Path) -> None:
    made = plan_model({"zoo": "squeezenet"}, name="bench")
    assert (keys(made), made.suite.name) == (["zoo"], "bench")
    with pytest.raises(SuiteError, match=r"^bench: axes\.batch: expected an integer"):
        plan_model({"zoo": "squeezenet"}, {"batch": "x"}, name="bench")
