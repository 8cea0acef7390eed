"""docs/extending.md: its code is taken from the page, installed as a package, and run."""

from __future__ import annotations

import functools
import importlib
import json
import pkgutil
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.core.registry import Registry

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "extending.md"
Blocks = Callable[[Path], list[Any]]
Records = dict[str, dict[str, Any]]
Run = Callable[[str], Records]
Makes = Callable[[str], Any]

pytestmark = pytest.mark.xdist_group("extending")  # they share what a block of the page measured


@pytest.fixture(scope="module")
def written(blocks: Blocks, desk: Makes) -> Any:
    """A desk with the files of the page on it and its package installed."""
    made, found = desk("extending"), blocks(PAGE)
    for block in found:
        if block.file and block.language != "diff" and not block.file.startswith("harness/"):
            made.put(f"site/{block.file}" if block.language == "python" else block.file, block.text)
    project = [block.text for block in found if block.language == "toml"]
    made.install("extras", merge(project))
    return made


def merge(projects: list[str]) -> str:
    """Join fragments of a pyproject.toml, some of which begin the same table."""
    tables: dict[str, list[str]] = {}
    for line in "\n".join(projects).splitlines():
        if line.startswith("["):
            lines = tables.setdefault(line, [])
        elif line:
            lines.append(line)
    return "\n".join(line for head, lines in tables.items() for line in (head, *lines))


@pytest.fixture(scope="module")
def follow(blocks: Blocks, written: Any) -> Callable[[str], str]:
    """Run the block of the page that has these words in it; return what it printed."""

    @functools.cache
    def run(words: str) -> str:
        (block,) = [block for block in blocks(PAGE) if block.runnable and words in block.text]
        return str(written.run(block.text, block.language))

    return run


@pytest.fixture(scope="module")
def run(follow: Callable[[str], str], written: Any) -> Run:
    """Run the block that measures the suite of this name; return the records by case."""

    def measure(name: str) -> Records:
        follow(f"{name}.yaml")
        return read(written, f"{name}.json")

    return measure


def read(made: Any, name: str) -> Records:
    """Read printed records, by case."""
    return {record["case"]: record for record in json.loads((made.folder / name).read_text())}


def ended(records: Records) -> dict[str, str]:
    """How each case ended, and why."""
    return {case: " ".join(filter(None, (item["status"], item["reason"]))) for case, item in records.items()}


def test_a_metric(run: Run, written: Any) -> None:
    records = run("cpu")
    assert ended(records) == {"digits_cnn/intra_threads=1": "ok", "digits_cnn/intra_threads=2": "ok"}
    assert all(0 < record["metrics"]["cpu/per_call"]["value"] < 0.5 for record in records.values())
    table = (written.folder / "cpu.md").read_text()
    assert "| CPU a call |" in table
    (_, shown, _), (_, compared, _), (_, followed, _) = written.harness(
        "show --suite cpu",
        "compare previous latest --metric 'cpu/*' --format json",
        "history --metric 'cpu/*' --format json",
    )
    assert "Gates passed: 2" in shown
    found = [(item["metric"], item["verdict"]) for item in json.loads(compared)["comparisons"]]
    assert found == [("cpu/per_call", "inconclusive")] * 2  # of one run each, nothing tells the noise
    assert [(item["metric"], item["unit"], len(item["points"])) for item in json.loads(followed)] == [
        ("cpu/per_call", "s", 2)
    ] * 2


def test_a_metric_has_its_unit_and_its_direction_in_gates(run: Run, written: Any) -> None:
    run("cpu")
    gates = ("'[{metric: cpu/per_call, max_drop: 5%}]'", "'[{metric: cpu/per_cal, max: 1}]'")
    (code, _, wrong_way), (other, _, wrong_name) = written.harness(
        *(f"plan cpu.yaml --set gates={gate}" for gate in gates)
    )
    assert (code, other) == (2, 2)
    assert "of cpu/per_call, lower is better: use max_increase" in wrong_way
    assert "did you mean 'cpu/per_call'" in wrong_name


def test_a_metric_is_searched_by(run: Run, written: Any) -> None:
    run("cpu")
    written.run("cp suites/models/digits_cnn.onnx other.onnx")
    told = written.run(
        "harness bisect suites/models/digits_cnn.onnx other.onnx --metric cpu/per_call --tolerance 1000 "
        "--format json || test $? -eq 3"
    )
    search = json.loads(told)
    assert search["finding"]["outcome"] == "undecided"
    assert search["finding"]["reason"].endswith("one run of each: how much runs differ is not known")
    step = search["steps"][-1]
    assert (step["mark"], step["sure"]) == ("good", False)
    assert step["worse"] == pytest.approx(step["head"] / step["base"] - 1)


@pytest.mark.parametrize("rows", [True, False], ids=["with a row", "by its unit and direction alone"])
def test_a_metric_is_drawn_and_asserted_by(run: Run, written: Any, rows: bool) -> None:
    run("cpu")
    forget = "" if rows else "import extras.cpu; del extras.cpu.cpu.rows"
    told = written.run(
        f"""
import json
{forget}
from harness.asv.benchmarks import benchmarks
from harness.core.metrics import spec_of
from harness.core.record import Record
from harness.judge import report
from harness.pytest.stats import Stats
from harness.show import render_run
records = [Record.from_json(item) for item in json.load(open("cpu.json"))]
metric = records[0].metrics["cpu/per_call"]
row = spec_of("cpu/per_call", metric)
assert (row.unit, row.better, row.replicated, row.dashboard) == ("s", "lower", True, True)
(drawn,) = [item for item in benchmarks(records) if item.metric == "cpu/per_call"]
assert (drawn.unit, len(drawn.cells)) == ("seconds", 2)
assert Stats(records[0])["cpu/per_call"] == metric.value
print(render_run(report("cpu", records), "table"))
""",
        "python",
    )
    assert ("CPU a call" if rows else "cpu/per_call") in told


def test_a_source(run: Run) -> None:
    records = run("mlp")
    cases = [f"{model}/opset={opset}" for model in ("wide", "deep") for opset in (17, 21)]
    assert ended(records) == dict.fromkeys(cases, "ok")
    deep = records["deep/opset=17"]
    assert deep["notes"][:1] == ["random weights"]
    assert (deep["artifact"]["opset"], deep["artifact"]["operators"]) == (17, {"MatMul": 8, "Relu": 8})
    assert deep["artifact"]["provenance"]["source"] == {"kind": "mlp", "width": 64, "depth": 8, "version": 1}


def test_a_precision(run: Run) -> None:
    records = run("w4")
    none = (
        "asked for w4; the file holds fp32: no operator of it could be converted: "
        "the quantizer left out every operator with weights; look at op_types and nodes_to_exclude"
    )
    assert ended(records) == {
        "wide": "ok",
        "wide/precision=w4": "ok",
        "wide/precision=w4_coarse": "ok",
        "digits_cnn": "ok",
        "digits_cnn/precision=w4": f"unsupported {none}",
        "digits_cnn/precision=w4_coarse": f"unsupported {none}",
    }
    fine, coarse = (records[f"wide/precision={name}"] for name in ("w4", "w4_coarse"))
    noise = [record["metrics"]["accuracy/sqnr_db"]["value"] for record in (coarse, fine)]
    assert 10 < noise[0] < noise[1] < 40
    assert fine["artifact"]["precision"] == "int4"
    assert fine["artifact"]["provenance"]["precision"]["versions"]["extras"] == "1.0"


@pytest.mark.torch
def test_an_exporter(run: Run) -> None:
    records = run("plain")
    assert ended(records) == {"net/exporter=plain/opset=18/intra_threads=1": "ok"}
    (record,) = records.values()
    assert (record["artifact"]["opset"], record["artifact"]["operators"]) == (18, {"Gemm": 1, "Relu": 1})


def test_a_data_set(run: Run) -> None:
    (record,) = run("stripes").values()
    assert (record["status"], record["reason"]) == ("ok", "")
    metric = record["metrics"]["accuracy/top1"]
    assert (metric["n"], metric["value"] is None) == (160, False)


def test_an_engine(run: Run) -> None:
    records = run("reference")
    assert ended(records) == {
        "digits_reference/graph_opt=disable/intra_threads=1": "ok",
        "digits_reference/intra_threads=1": "failed graph_opt: asked for all, in effect disable",
        "digits_cnn/graph_opt=disable/intra_threads=1": "ok",
        "digits_cnn/intra_threads=1": "ok",
    }
    reference, ort = (
        records[f"{model}/graph_opt=disable/intra_threads=1"] for model in ("digits_reference", "digits_cnn")
    )
    assert (reference["artifact"]["engine"], ort["artifact"]["engine"]) == ("reference", "ort")
    assert reference["effective"]["runtime"]["distribution"] == "onnx"
    right = [record["metrics"]["accuracy/top1"]["value"] for record in (reference, ort)]
    assert right[0] == right[1] > 0.9


def test_an_engine_stays_with_its_artifact_through_a_conversion(written: Any) -> None:
    written.run(
        "harness run reference.yaml --only model=digits_reference --set name=half --set axes.precision=fp16 "
        "--set axes.graph_opt=disable --format json > half.json"
    )
    (record,) = read(written, "half.json").values()
    assert (record["status"], record["reason"]) == ("ok", "")
    assert (record["artifact"]["precision"], record["artifact"]["engine"]) == ("fp16", "reference")
    assert record["effective"]["runtime"]["distribution"] == "onnx"


def test_a_view(run: Run, follow: Callable[[str], str], written: Any) -> None:
    run("cpu")
    follow("--format html")
    text = (written.folder / "run.html").read_text()
    assert re.search(r"<th>CPU a call</th>", text)
    assert re.search(r"<tr><td>digits_cnn</td><td>\d</td><td>[\d.]+ [mµ]?s</td>", text)
    assert "<h1>latency/p50, suite cpu, machine " in (written.folder / "history.html").read_text()


TWICE = "models: {m: {source: {fake: {}}}}\nname: twice\n"

SHOWS = {
    "run": ("run twice.yaml", "<h1>twice, run 2"),
    "plan": ("plan twice.yaml", "<h1>twice: 1 case, about"),
    "A/B": (
        "ab twice.yaml --head batch=2 --budget 0.1",
        "<h1>BASE (no other setting) -&gt; HEAD (batch=2)",
    ),
    "comparison": ("compare --suite twice", "<h1>twice: 2"),
    "bisection": (
        "bisect a.onnx b.onnx --metric model/size",
        "<h1>2 models: model/size, a.onnx to b.onnx</h1>",
    ),
    "history": ("history --suite twice", "<h1>latency/p50, suite twice, machine "),
    "nightly report": ("nightly twice.yaml --confirm 0", "<h1>twice: nothing "),
    "diagnosis": ("doctor --quick", "<h2>Nothing was measured (--quick)</h2>"),
}
"""Kind of document -> a command that prints one, and what it begins with; its exit code is its own affair."""


def test_a_view_shows_every_document(written: Any) -> None:
    written.put("twice.yaml", TWICE)
    written.run("cp suites/models/digits_cnn.onnx a.onnx; cp a.onnx b.onnx")
    commands = [f"{command} --format html" for command, _ in SHOWS.values()]
    _, *shown = written.harness("run twice.yaml", *commands)
    for (kind, (_, words)), (code, text, err) in zip(SHOWS.items(), shown, strict=True):
        assert code <= 3 and words in text, (kind, text, err)
        assert text.count("<table>") == text.count("</table>") >= 1


def test_an_axis_without_code(run: Run) -> None:
    records = run("arena")
    assert list(ended(records).values()) == ["ok", "ok", "ok"]
    assert {
        record["axes"]["config"]: record["effective"]["session"]["options"]["config"]
        for record in records.values()
    } == {
        "default": {},
        "no_arena": {"enable_cpu_mem_arena": False},
        "denormals": {"session.set_denormal_as_zero": "1"},
    }


ROW_OF_A_PASS = "harness/core/passes.py"


def changed_harness(blocks: Blocks, desk: Makes, name: str, own: list[Any]) -> Any:
    """A desk with a copy of the harness in which `own` of the page is applied; its suite `name` was run."""
    copy = desk(name)
    shutil.copytree(ROOT / "harness", copy.folder / "site/harness")  # what is compiled stays valid
    (copy.folder / "site/docs").mkdir()
    shutil.copy(ROOT / "docs/suites.md", copy.folder / "site/docs")
    for block in own:
        path = copy.folder / "site" / block.file
        path.write_text(patched(path.read_text(), block.text) if block.language == "diff" else block.text)
    for block in blocks(PAGE):
        if block.file == f"{name}.yaml":
            copy.put(block.file, block.text)
        if block.runnable and f"{name}.yaml" in block.text:
            copy.run(block.text)
    return copy


def test_a_pass_is_one_file_and_one_row(blocks: Blocks, desk: Makes) -> None:
    own = [block for block in blocks(PAGE) if block.file in (ROW_OF_A_PASS, IDLE)]
    assert [block.file for block in own] == [IDLE, ROW_OF_A_PASS]
    assert sum(line.startswith("+") for line in own[1].text.splitlines()) == 1
    copy = changed_harness(blocks, desk, "idle", own)
    (record,) = read(copy, "idle.json").values()
    assert (record["status"], record["asked"]["measure"]["idle"]) == ("ok", True)
    idle = record["effective"]["idle"]
    assert (idle["pause_s"], len(idle["calls_ns"])) == (0.02, 10)
    assert float(copy.run(ESTIMATE, "python")) == pytest.approx(0.3)
    copy.run(f"harness run idle.yaml {OFF} --format json > off.json")
    assert "idle" not in read(copy, "off.json")[record["case"]]["effective"]


IDLE = "harness/measure/worker/passes/idle.py"
OFF = "--set measure.idle=false"
ESTIMATE = """
from pathlib import Path
from harness.plan import estimate, plan
on, off = (estimate(plan(Path("idle.yaml"), overrides=flags)) for flags in ((), ("measure.idle=false",)))
print(on.seconds - off.seconds)
"""


def test_an_axis_with_code(blocks: Blocks, desk: Makes) -> None:
    own = [block for block in blocks(PAGE) if block.language == "diff" and block.file != ROW_OF_A_PASS]
    code = [block.file for block in own if block.file != "docs/suites.md"]
    assert code == ["harness/core/case.py", "harness/plan/axes.py", "harness/measure/worker/session.py"]
    assert [sum(line.startswith("+") for line in block.text.splitlines()) for block in own] == [1, 1, 2, 1]
    copy = changed_harness(blocks, desk, "nice", own)
    records = read(copy, "nice.json")
    assert ended(records) == {
        "digits_cnn/intra_threads=1": "ok",
        "digits_cnn/intra_threads=1/nice=10": "ok",
    }
    assert [record["effective"]["session"]["options"]["nice"] for record in records.values()] == [0, 10]


def patched(text: str, diff: str) -> str:
    """Apply a diff whose hunks have no line numbers: what stays must be there once."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.M)[1:]:
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] != "+")
        new = "".join(line[1:] for line in lines if line[0] != "-")
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_every_table_is_on_the_page() -> None:
    modules = (importlib.import_module(item.name) for item in modules_of_the_rooms())
    groups = {
        value.group for module in modules for value in vars(module).values() if isinstance(value, Registry)
    }
    assert len(groups) >= 7
    assert {group for group in groups if f"| `{group}` |" not in PAGE.read_text()} == set()


def modules_of_the_rooms() -> list[pkgutil.ModuleInfo]:
    """Every module that may hold a table."""
    found = pkgutil.walk_packages(harness.__path__, "harness.")
    rooms = tuple(f"harness.{room}" for room in ("core", "build", "judge", "measure", "show"))
    return [item for item in found if item.name.startswith(rooms) and "Registry(" in source(item)]


def source(item: pkgutil.ModuleInfo) -> str:
    """The text of a module."""
    path = ROOT / item.name.replace(".", "/")
    return (path / "__init__.py" if item.ispkg else path.with_suffix(".py")).read_text()
