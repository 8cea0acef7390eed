# ruff: noqa: E501 (messages and suites stand on one line)
"""A suite is put together of what it extends, itself and the overrides; every value knows where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from harness.core.case import thaw
from harness.core.errors import InputError
from harness.plan import plan

from .planning import ONE, Planner, Problems, keys


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def test_mappings_merge_and_the_later_file_wins(planned: Planner) -> None:
    write(
        "configs/a.yaml", "sampling: {seconds: 1, processes: 2}\naxes: {batch: [1, 2, 4]}\ndescription: a\n"
    )
    write("configs/b.yaml", "sampling: {seconds: 2}\ngates: [{metric: latency/p50, max: 1 s}]\n")
    made = planned(
        ONE + "extends: [configs/a.yaml, configs/b.yaml]\naxes: {batch: 8}\nsampling: {min_calls: 9}\n"
    )
    sampling = made.suite.sampling
    assert (sampling.seconds, sampling.processes, sampling.min_calls) == (2.0, 2, 9)
    assert made.suite.description == "a"
    assert len(made.suite.gates) == 1
    assert keys(made) == ["m/batch=8"]


def test_lists_sources_and_axis_values_are_replaced_whole(planned: Planner) -> None:
    write(
        "base.yaml",
        "models: {m: {source: {onnx: x.onnx}, shapes: {a: 1}}}\n"
        "axes: {precision: {old: {method: static}}}\n"
        "gates: [{metric: latency/p50, max: 1}, {metric: latency/p50, max: 2}]\n",
    )
    made = planned(
        "extends: base.yaml\nmodels: {m: {source: {zoo: vgg19}, shapes: {b: 2}}}\n"
        "axes: {precision: {new: {method: dynamic}}}\ngates: [{metric: latency/p50, max: 3}]\n"
    )
    model = made.suite.models[0]
    assert thaw(model.source.options) == {"name": "vgg19"}
    assert thaw(model.shapes) == {"a": 1, "b": 2}
    assert keys(made) == ["m/precision=new"]
    assert [gate.max for gate in made.suite.gates] == [3.0]


def test_a_mistake_in_an_extended_file_points_into_that_file(problems: Problems) -> None:
    write(
        "configs/q.yaml", "sampling:\n  seconds: 1\n  warmup_call: 3\naxes:\n  batch:\n    - 1\n    - zero\n"
    )
    lines = problems(ONE + "extends: configs/q.yaml\nexten: []\n")
    assert [line.partition(": ")[0] for line in lines] == ["configs/q.yaml:3", "configs/q.yaml:7", "s.yaml:3"]
    assert lines[0].startswith(
        "configs/q.yaml:3: sampling.warmup_call: unknown key 'warmup_call': did you mean 'warmup_calls'?"
    )
    assert lines[2].startswith("s.yaml:3: exten: unknown key 'exten': did you mean 'extends'?")
    assert lines[1] == "configs/q.yaml:7: axes.batch[1]: expected an integer from 1 to 1048576, got 'zero'"


def test_a_replaced_list_forgets_the_lines_of_the_old_one(problems: Problems) -> None:
    write("base.yaml", "axes:\n  batch:\n  - 1\n  - 2\n")
    assert problems(ONE + "extends: base.yaml\naxes:\n  batch: none\n") == [
        "s.yaml:4: axes.batch: expected an integer from 1 to 1048576, got 'none'"
    ]


def test_paths_are_relative_to_the_file_that_holds_them(folder: Path) -> None:
    write("shared/models/a.onnx", "")
    write("shared/data/d.npz", "")
    wheel = "onnxruntime-1.22.1-py3-none-any.whl"
    write(f"shared/{wheel}", "")
    write("suites/t:1/m.py", "")
    write(
        "shared/base.yaml",
        "models: {a: {source: {onnx: models/a.onnx}, data: {npz: data/d.npz, calibration: 7}}}\n"
        f"axes: {{runtime: {wheel}}}\n",
    )
    write("suites/s.yaml", "extends: ../shared/base.yaml\nmodels: {t: {source: {torch: 't:1/m.py:make'}}}\n")
    made = plan(Path("suites/s.yaml"))
    a, t = made.suite.models
    assert thaw(a.source.options) == {"path": str(folder / "shared/models/a.onnx")}
    assert (a.data.kind, a.data.location, a.data.calibration) == ("npz", str(folder / "shared/data/d.npz"), 7)
    assert thaw(t.source.options) == {"target": f"{folder}/suites/t:1/m.py:make"}
    assert made.cases[0].session.runtime == str(folder / "shared" / wheel)
    assert keys(made) == [f"a/runtime={wheel}", f"t/runtime={wheel}"]


def test_the_stored_text_plans_the_same_from_the_suites_folder(folder: Path) -> None:
    write("shared/models/a.onnx", "")
    write("shared/base.yaml", "models: {a: {source: {onnx: models/a.onnx}}}\naxes: {batch: [1, 2]}\n")
    write("suites/s.yaml", "extends: ../shared/base.yaml\n")
    made = plan(Path("suites/s.yaml"), ["axes.io=run,iobinding"])
    assert yaml.safe_load(made.suite.text) == {
        "models": {"a": {"source": {"onnx": "../shared/models/a.onnx"}}},
        "axes": {"batch": [1, 2], "io": ["run", "iobinding"]},
    }
    write("suites/again.yaml", made.suite.text)
    assert plan(Path("suites/again.yaml")).cases == made.cases


def test_missing_files_are_told_together_with_other_mistakes(problems: Problems) -> None:
    write("models/digits.onnx", "")
    text = (
        "models:\n"
        "  a: {source: {onnx: models/digit.onnx}}\n"
        "  b: {source: {onnx: nowhere/x.onnx}, data: x.npz}\n"
        "  c: {source: {torch: 'net.py:make'}}\n"
        "  d: {source: {onnx: models}, data: {npz: y.npz}}\n"
        "axes: {runtime: [w.whl], batch: 0}\n"
    )
    here = Path.cwd()
    assert problems(text) == [
        "s.yaml:2: models.a.source.onnx: no file 'models/digit.onnx': did you mean 'digits.onnx'?",
        f"s.yaml:3: models.b.source.onnx: no file 'nowhere/x.onnx': there is no folder '{here}/nowhere'",
        f"s.yaml:3: models.b.data: no file 'x.npz' in '{here}'",
        f"s.yaml:4: models.c.source.torch: no file 'net.py' in '{here}'",
        "s.yaml:5: models.d.source.onnx: 'models' is a folder; name a file in it, such as 'digits.onnx'",
        f"s.yaml:5: models.d.data.npz: no file 'y.npz' in '{here}'",
        f"s.yaml:6: axes.runtime[0]: no file 'w.whl' in '{here}'",
        "s.yaml:6: axes.batch: expected an integer from 1 to 1048576, got the number 0",
    ]


@pytest.mark.parametrize(
    ("extends", "reason"),
    [
        ("s.yaml", "'s.yaml' leads back to itself: a file may not extend itself"),
        (
            "a" * 300,
            f"no file '…{'a' * 54}': File name too long; "
            "nor a starter config of that name: known: nightly, quick, thorough",
        ),
        ("loop.yaml", "'s.yaml' leads back to itself: a file may not extend itself"),
        ("qiuck.yaml", "no file 'qiuck.yaml': did you mean 'quick.yaml'?"),
        (".", "'.' is a folder"),
        ("3", "expected the path of a YAML file, or a list of paths"),
        ("{a: 1}", "expected the path of a YAML file, or a list of paths"),
        ("[[]]", "expected the path of a YAML file, or a list of paths"),
        ("/dev/zero", "'/dev/zero' is no ordinary file"),
    ],
)
def test_extends_that_leads_nowhere_is_one_line(problems: Problems, extends: str, reason: str) -> None:
    write("quick.yaml", "sampling: {seconds: 1}\n")
    write("loop.yaml", "extends: s.yaml\n")
    (line,) = problems(f"{ONE}extends: {extends}\n")
    assert line.endswith(f": extends: {reason}")


def test_a_file_extended_along_two_ways_is_no_cycle(planned: Planner) -> None:
    write("base.yaml", "sampling: {processes: 3}\n")
    write("a.yaml", "extends: base.yaml\n")
    write("b.yaml", "extends: base.yaml\n")
    assert planned(ONE + "extends: [a.yaml, b.yaml]\n").suite.sampling.processes == 3


def test_extending_that_doubles_at_every_step_is_stopped(problems: Problems) -> None:
    write("f0.yaml", "description: x\n")
    for i in range(1, 40):
        write(f"f{i}.yaml", f"extends: [f{i - 1}.yaml, f{i - 1}.yaml]\n")
    assert {line.partition(": ")[2] for line in problems(f"{ONE}extends: f39.yaml\n")} == {
        "extends: more than 100 files are extended"
    }


def test_problems_of_several_extended_files_are_told_together(problems: Problems) -> None:
    write("a.yaml", "a: [\n")
    write("b.yaml", "")
    lines = problems(ONE + "extends: [a.yaml, b.yaml, c.yaml]\n")
    assert [line.partition(": ")[0] for line in lines] == ["a.yaml:2", "b.yaml:1", "s.yaml:2"]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (("axes.batch=1,8",), ["m", "m/batch=8"]),
        (("axes.batch=8", "axes.batch=16"), ["m/batch=16"]),
        (("axes.batch=[2, 4]",), ["m/batch=2", "m/batch=4"]),
        (("axes.opset=null,17",), ["m", "m/opset=17"]),
        (("axes.runtime=onnxruntime==1.22.1",), ["m/runtime=onnxruntime==1.22.1"]),
        (("axes.precision=fp32,{q: {method: static}}",), ["m", "m/precision=q"]),
        (("axes.precision={q: {method: static}}",), ["m/precision=q"]),
        (("models.m.axes.io=run",), ["m/io=run"]),
        (("models.n={source: {zoo: vgg19}}",), ["m", "n"]),
    ],
)
def test_set_overrides_any_key(planned: Planner, overrides: tuple[str, ...], expected: list[str]) -> None:
    assert keys(planned(ONE + "axes: {batch: 1}\n", overrides)) == expected


def test_set_reaches_numbers_units_flags_and_null(planned: Planner) -> None:
    suite = planned(
        ONE + "sampling: {seconds: 9}\n",
        (
            "sampling.seconds=null",
            "sampling.calls=7",
            "measure.memory=false",
            "models.m.shapes.seq=64",
            "strict_provider=true",
        ),
    ).suite
    assert (suite.sampling.seconds, suite.sampling.calls) == (None, 7)
    assert (suite.measure.wants("memory"), suite.measure.strict_provider) == (False, True)
    assert thaw(suite.models[0].shapes) == {"seq": 64}


def test_set_finds_names_that_hold_dots(planned: Planner) -> None:
    text = "models: {resnet.v1.5: {source: {zoo: resnet50}, shapes: {a: 1}}}\n"
    assert thaw(planned(text, ("models.resnet.v1.5.shapes.a=2",)).suite.models[0].shapes) == {"a": 2}


def test_a_path_in_set_is_relative_to_the_current_folder(folder: Path) -> None:
    write("here.onnx", "")
    write("suites/s.yaml", ONE)
    made = plan(Path("suites/s.yaml"), ["models.m.source={onnx: here.onnx}"])
    assert thaw(made.suite.models[0].source.options) == {"path": str(folder / "here.onnx")}


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("axes.bacth=1", "--set axes.bacth=1: axes.bacth: unknown key 'bacth': did you mean 'batch'?"),
        (
            "axes.batch=four",
            "--set axes.batch=four: axes.batch[0]: expected an integer from 1 to 1048576, got 'four'",
        ),
        ("axes.batch=", "--set axes.batch=: axes.batch: expected at least one value, got an empty list"),
        ("models.n.shapes.a=1", "--set models.n.shapes.a=1: models.n: missing key 'source'"),
        ("extends=a.yaml", "--set extends=a.yaml: extends: only a file can extend another"),
        ("sampling=3", "--set sampling=3: sampling: expected a mapping, got the number 3"),
        ("axes", "--set axes: expected KEY=VALUE such as axes.batch=1,8 or sampling.seconds=2"),
        ("=3", "--set =3: expected KEY=VALUE such as axes.batch=1,8 or sampling.seconds=2"),
        (
            "axes..batch=3",
            "--set axes..batch=3: expected KEY=VALUE such as axes.batch=1,8 or sampling.seconds=2",
        ),
        (
            "axes.batch=[1,",
            "--set axes.batch=[1,: not valid YAML while parsing a flow node: did not find expected node content",
        ),
        ("name=!!python/name:os.system", "--set name=!!python/name:os.system: the tag"),
    ],
)
def test_a_mistake_in_set_is_one_line_that_cites_it(problems: Problems, override: str, line: str) -> None:
    (told,) = problems(ONE, (override,))
    assert told.startswith(line)


def test_a_mistake_in_set_is_an_input_error(planned: Planner) -> None:
    with pytest.raises(InputError):
        planned(ONE, ("axes.bacth=1",))
