# ruff: noqa: E501 (messages and suites stand on one line)
"""Every key of a suite is checked; what is wrong is told with its place and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.case import CPU, FP32, DataRef, Named, freeze, thaw
from harness.core.sampling import Sampling
from harness.core.suite import Gate, Measure

from . import wrong
from .planning import ONE, Planner, Problems, keys


def test_several_mistakes_are_told_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    text = (
        "models:\n"
        "  a/b: {source: {zoo: vgg}}\n"
        "  c: {axis: {}}\n"
        "axes:\n"
        "  intra_threads: [1, 2, four]\n"
        "  precision: [on, {q: {method: static, calibraton: entropy}}]\n"
        "gate: []\n"
    )
    assert problems(text) == [
        "s.yaml:2: models.a/b: expected a name: printable text without / = , and without blanks around it, got 'a/b'",
        "s.yaml:2: models.a/b.source.zoo: unknown zoo model 'vgg': did you mean 'vgg19'? known: bvlc_alexnet, "
        "densenet121, inception_v1, inception_v2, resnet50, shufflenet, squeezenet, vgg19, zfnet512",
        "s.yaml:3: models.c: missing key 'source'",
        "s.yaml:3: models.c.axis: unknown key 'axis': did you mean 'axes'? known: axes, batch_dim, cut, data, "
        "inputs, output, shapes, source, task, tolerance",
        "s.yaml:5: axes.intra_threads[2]: expected an integer from 0 to 4096, or auto, got 'four'",
        "s.yaml:6: axes.precision[0]: expected a name, or a mapping of one new name to what it stands for, "
        "got the boolean on",
        "s.yaml:6: axes.precision[1].q.calibraton: unknown key 'calibraton': did you mean 'calibration'? known: "
        "activation_type, calibration, format, method, nodes_to_exclude, op_types, per_channel, percentile, "
        "reduce_range, weight_type",
        "s.yaml:7: gate: unknown key 'gate': did you mean 'gates'? known: axes, baseline, description, extends, gates, "
        "measure, models, name, only, sampling, session, skip, strict_provider",
    ]


@pytest.mark.parametrize(("line", "told"), wrong.LINES)
def test_a_wrong_value_is_one_line(problems: Problems, line: str, told: str) -> None:
    text = line if line.startswith("models") else ONE + line
    assert problems(text) == [f"s.yaml:{1 if line.startswith('models') else 2}: {told}"]


@pytest.mark.parametrize(("source", "told"), wrong.SOURCES)
def test_a_source_that_is_none_is_one_line(problems: Problems, source: str, told: str) -> None:
    lines = [line for line in problems(f"models: {{a: {{source: {source}}}}}") if "no file" not in line]
    assert lines == [f"s.yaml:1: {told}"]


@pytest.mark.parametrize(("entry", "told"), wrong.ENTRIES)
def test_a_wrong_entry_of_a_model_is_one_line(problems: Problems, entry: str, told: str) -> None:
    lines = [
        line
        for line in problems(f"models: {{a: {{source: {{zoo: vgg19}}, {entry}}}}}")
        if "no file" not in line
    ]
    assert lines == [f"s.yaml:1: models.a.{told}"]


@pytest.mark.parametrize("runtime", wrong.RUNTIMES)
def test_only_a_version_of_the_runtime_or_a_wheel_gets_near_an_installer(
    problems: Problems, folder: Path, runtime: str
) -> None:
    (line,) = problems(f"{ONE}axes: {{runtime: {runtime!r}}}".replace("\\n", "\n\n "))
    assert "axes.runtime: " in line


def test_a_runtime_that_no_installer_would_take_is_told_with_its_line(
    problems: Problems, folder: Path
) -> None:
    Path("foo.whl").touch()
    Path("onnxruntime-1.22.1-py3-none-any.whl").touch()
    Path("onnxruntime-1.22.2-py3-none-any.whl").symlink_to("onnxruntime-1.22.1-py3-none-any.whl")
    text = (
        "axes:\n"
        "  runtime:\n"
        "  - current\n"
        "  - onnxruntime-opnvino==1.24.1\n"
        "  - onnxruntime==1.22.01\n"
        "  - foo.whl\n"
        "  - onnxruntime-1.22.2-py3-none-any.whl\n"
    )
    unknown, spelled, named, link = problems(ONE + text)
    assert unknown.startswith(
        "s.yaml:5: axes.runtime[1]: unknown distribution 'onnxruntime-opnvino': did you mean 'onnxruntime-openvino'? known: "
    )
    assert spelled == "s.yaml:6: axes.runtime[2]: write onnxruntime==1.22.1"
    assert named.startswith("s.yaml:7: axes.runtime[3]: not the name of a wheel: ")
    assert link == (
        "s.yaml:8: axes.runtime[4]: it is a link: name the file itself, "
        f"'{folder.resolve()}/onnxruntime-1.22.1-py3-none-any.whl'"
    )


@pytest.mark.parametrize(
    "runtime",
    ["current", "onnxruntime==1.22.1", "onnxruntime-openvino==1.24.1", "onnxruntime-gpu==1.23.0.dev20250901", "onnxruntime==1.25.0rc1", "onnxruntime==1.20.1+cpu.2", "ort-nightly==1.19.0.dev20240601001"],
)  # fmt: skip
def test_requirements_of_one_version_are_accepted(planned: Planner, runtime: str) -> None:
    assert planned(f"{ONE}axes: {{runtime: {runtime}}}").cases[0].session.runtime == runtime


@pytest.mark.parametrize(
    "name", ["<script>", "a b", "naïve", "日本語", "a.b:c", "x'\"&", "on", "1", "[x]", "*"]
)
def test_a_name_may_be_any_printable_text(planned: Planner, name: str) -> None:
    quoted = '"' + name.replace('"', '\\"') + '"'
    text = f"models: {{{quoted}: {{source: {{zoo: vgg19}}}}}}\naxes: {{precision: {{{quoted}: {{method: static}}}}}}\n"
    assert keys(planned(text)) == [f"{name}/precision={name}"]


@pytest.mark.parametrize("name", wrong.NAMES)
def test_a_name_that_keys_or_terminals_cannot_carry_is_refused(problems: Problems, name: str) -> None:
    (line,) = problems(f'models: {{"{name}": {{source: {{zoo: vgg19}}}}}}')
    assert "expected a name" in line


def test_a_model_carries_what_the_suite_says_of_it(planned: Planner, folder: Path) -> None:
    Path("d.npz").touch()
    model = planned(
        "models:\n"
        "  m:\n"
        "    source: {fake: {call_ns: [1, 2], nested: {a: null}}}\n"
        "    data: d.npz\n"
        "    task: regression\n"
        "    output: y\n"
        "    batch_dim: n\n"
        "    tolerance: {sqnr_db: 30, agreement: 0.75}\n"
        "    cut: {inputs: [h], outputs: [y, z]}\n"
        "    shapes: {seq: 16}\n"
        "    inputs: {ids: {low: 0, high: 9}, mask: {fill: 1}}\n"
    ).suite.models[0]
    assert model.name == "m"
    assert (model.source.kind, thaw(model.source.options)) == (
        "fake",
        {"call_ns": [1, 2], "nested": {"a": None}},
    )
    assert model.data == DataRef("npz", str(folder / "d.npz"), 128)
    assert (model.task, model.output, model.batch_dim) == ("regression", "y", "n")
    assert thaw(model.tolerance) == {"sqnr_db": 30, "agreement": 0.75}
    assert thaw(model.cut) == {"inputs": ["h"], "outputs": ["y", "z"]}
    assert thaw(model.shapes) == {"seq": 16}
    assert thaw(model.inputs) == {"ids": {"low": 0.0, "high": 9.0}, "mask": {"fill": 1.0}}


def test_catalogued_data_is_named(planned: Planner) -> None:
    made = planned("models: {m: {source: {zoo: vgg19}, data: digits}}")
    assert made.suite.models[0].data == DataRef("catalogue", "digits")


def test_every_axis_takes_a_scalar(planned: Planner) -> None:
    (case,) = planned(
        "models: {m: {source: {torch: 'a.b:c'}}}\n"
        "axes: {exporter: torchscript, opset: 17, precision: int8_static, format: ort, runtime: onnxruntime==1.22.1,\n"
        "  provider: openvino, graph_opt: 0, execution_mode: parallel, intra_threads: 2, inter_threads: 3,\n"
        "  config: {calm: {session.dynamic_block_base: 4, enable_cpu_mem_arena: false}}, batch: 8,\n"
        "  shapes: {short: {seq: 4}}, io: run}\n"
    ).cases
    artifact, session, load = case.artifact, case.session, case.load
    assert (artifact.exporter, artifact.opset, artifact.format) == ("torchscript", 17, "ort")
    assert artifact.precision == Named("int8_static", "int8_static")
    assert session.provider == Named("openvino", "openvino")
    assert (session.graph_opt, session.execution_mode) == ("disable", "parallel")
    assert (session.intra_threads, session.inter_threads) == (2, 3)
    assert session.config == Named(
        "calm", "config", freeze({"session.dynamic_block_base": "4", "enable_cpu_mem_arena": False})
    )
    assert (load.batch, load.io) == (8, "run")
    assert load.shapes == Named("short", "shapes", freeze({"seq": 4}))


def test_axes_left_out_have_their_defaults(planned: Planner) -> None:
    (case,) = planned(ONE).cases
    assert (case.artifact.precision, case.session.provider) == (FP32, CPU)
    assert case.key == "m"


def test_named_values_keep_the_options_that_were_written_and_no_others(planned: Planner) -> None:
    made = planned(
        ONE + "axes:\n"
        "  precision:\n"
        "  - a: {method: static, format: qoperator, per_channel: true, op_types: [Conv], nodes_to_exclude: [n1],\n"
        "        activation_type: uint16, weight_type: int8, calibration: percentile, percentile: 99.9, reduce_range: false}\n"
        "  - b: {method: dynamic}\n"
        "  - c: {method: fp16, keep_io_types: false, op_types_to_exclude: [Softmax]}\n"
        "  provider: [{ov: {provider: openvino, options: {device_type: CPU, threads: 2}}}]\n"
    )
    a, b, c = (case.artifact.precision for case in made.cases)
    assert (a.name, a.kind) == ("a", "int8_static")
    assert thaw(a.options) == {
        "format": "qoperator", "per_channel": True, "op_types": ["Conv"], "nodes_to_exclude": ["n1"],
        "activation_type": "uint16", "weight_type": "int8", "calibration": "percentile", "percentile": 99.9,
        "reduce_range": False,
    }  # fmt: skip
    assert b == Named("b", "int8_dynamic")
    assert (c.kind, thaw(c.options)) == ("fp16", {"keep_io_types": False, "op_types_to_exclude": ["Softmax"]})
    provider = made.cases[0].session.provider
    assert provider == Named("ov", "openvino", freeze({"device_type": "CPU", "threads": "2"}))


def test_sampling_is_mapped_with_its_units(planned: Planner) -> None:
    text = "sampling: {warmup_calls: 3, warmup_seconds: 200 ms, seconds: 2 s, target_ci: 1%, min_calls: 7, max_calls: 70,\n"
    text += "  max_seconds: 9, processes: 3, timeout: 2 min}\n"
    assert planned(ONE + text).suite.sampling == Sampling(
        warmup_calls=3, warmup_s=0.2, calls=None, seconds=2.0, target_ci=0.01, min_calls=7, max_calls=70,
        max_seconds=9.0, processes=3, timeout_s=120.0,
    )  # fmt: skip
    assert planned(ONE).suite.sampling == Sampling()


def test_who_asks_for_calls_gets_them_all_unless_seconds_are_asked_for_too(planned: Planner) -> None:
    assert planned(ONE + "sampling: {calls: 100}").suite.sampling.seconds is None
    assert planned(ONE + "sampling: {target_ci: 0.01}").suite.sampling.seconds is None
    assert planned(ONE + "sampling: {calls: 100, seconds: 3}").suite.sampling.seconds == 3.0


def test_measure_is_mapped_and_strict_provider_stands_at_the_top(planned: Planner) -> None:
    text = "measure: {memory: false, accuracy: false, proof: false, cores: 1, inputs: 8, seed: 3, accuracy_samples: 9, drift_samples: 4}\n"
    assert planned(ONE + text).suite.measure == Measure(
        passes={"memory": False, "accuracy": False, "proof": False}, cores=(1,), inputs=8, seed=3, accuracy_samples=9,
        drift_samples=4,
    )  # fmt: skip
    assert planned(ONE).suite.measure == Measure()
    assert planned(ONE + "strict_provider: true\n").suite.measure == Measure(strict_provider=True)


def test_a_strict_provider_cannot_be_held_to_without_proof(problems: Problems) -> None:
    assert problems(ONE + "strict_provider: true\nmeasure: {proof: false}\n") == [
        "s.yaml:2: strict_provider: where nodes run is not known with measure.proof: false; take one of the two out"
    ]


@pytest.mark.parametrize(("gate", "told"), wrong.GATES)
def test_a_gate_of_wrong_sign_unit_or_direction_is_one_line(problems: Problems, gate: str, told: str) -> None:
    (line,) = problems(f"{ONE}gates: [{gate}]")
    assert line.startswith(f"s.yaml:2: {told}")


def test_an_unknown_metric_is_told_with_the_closest(problems: Problems) -> None:
    (line,) = problems(ONE + "gates: [{metric: latncy/p50, max: 1}]")
    assert line.startswith(
        "s.yaml:2: gates[0].metric: unknown metric 'latncy/p50': did you mean 'latency/p50'? "
    )


def test_gates_are_mapped_with_the_units_of_their_metrics(planned: Planner) -> None:
    text = (
        "axes: {batch: [1, 8], graph_opt: [0, 99]}\n"
        "gates:\n"
        "- {metric: latency/p50, max_increase: 3%, against: anchor, case: {batch: 8, graph_opt: 99}}\n"
        "- {metric: throughput/samples_per_s, max_drop: 0.05}\n"
        "- {metric: latency/p95, max: 5 ms}\n"
        "- {metric: memory/peak, max: 10 MB}\n"
        "- {metric: accuracy/top1_delta, min: -0.5%}\n"
        "- {metric: accuracy/sqnr_db, min: -3, max: 40}\n"
    )
    assert planned(ONE + text).suite.gates == (
        Gate(
            "latency/p50", max_increase=0.03, case={"batch": ("8",), "graph_opt": ("all",)}, against="anchor"
        ),
        Gate("throughput/samples_per_s", max_drop=0.05),
        Gate("latency/p95", max=0.005),
        Gate("memory/peak", max=10_000_000),
        Gate("accuracy/top1_delta", min=-0.005),
        Gate("accuracy/sqnr_db", min=-3.0, max=40.0),
    )


def test_the_suite_names_itself_or_is_named_by_its_file(planned: Planner, folder: Path) -> None:
    suite = planned(ONE).suite
    assert (suite.name, suite.path) == ("s", str(folder / "s.yaml"))
    assert planned(ONE + "name: other\n").suite.name == "other"
