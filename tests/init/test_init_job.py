"""What `harness init` writes works as it stands: the suite is measured, the jobs are valid and run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from models import save_model, value
from onnx import helper

from harness.core.errors import InputError
from harness.init import job
from harness.init.compose import GITHUB, GITLAB, SUITE, fill, names
from harness.plan import plan

pytestmark = pytest.mark.xdist_group("init")  # one project is set up for all

ROOT = Path(__file__).parents[2]
FILES = {SUITE, "configs/nightly.yaml", "asv.conf.json", GITHUB, GITLAB}
Call = Callable[..., tuple[int, str, str]]


def save(path: Path, *dims: int | str | None) -> Path:
    """Write a model that adds 1 to an input of these dimensions."""
    one = onnx.numpy_helper.from_array(np.ones(1, np.float32), "one")
    node = helper.make_node("Add", ["x", "one"], ["y"])
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_model(path, [node], [value("x", dims)], [value("y", dims)], [one])


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_suite_of_the_models_is_written_with_what_nothing_binds(harness: Call, tmp_path: Path) -> None:
    save(tmp_path / "m.onnx", "batch", 3, "sequence")
    code, out, err = harness("init", "project", "--model", "m.onnx", "--harness", "./h.whl")
    assert code == 0
    assert written(tmp_path / "project") == FILES
    document = yaml.safe_load((tmp_path / "project" / SUITE).read_text())
    (model,) = document["models"].values()
    assert model["source"] == {"onnx": "../../m.onnx"}
    assert list(model["shapes"]) == ["sequence"]
    assert f"m: assumed: sequence={model['shapes']['sequence']}\n" in err
    assert "m.onnx lies outside project" in err
    assert out.splitlines()[-4:] == [
        "next, in project:",
        *(
            f"  {line}"
            for line in ("harness plan suites/nightly.yaml", "harness nightly suites/nightly.yaml")
        ),
        "  asv preview",
    ]
    assert [case.key for case in plan(tmp_path / "project" / SUITE).cases] == ["m/intra_threads=1"]


def test_a_size_that_is_given_is_not_assumed(harness: Call, tmp_path: Path) -> None:
    save(tmp_path / "m.onnx", "batch", "sequence")
    save(tmp_path / "other.onnx", "batch", 4)
    code, _, err = harness("init", "--shape", "sequence=7")
    assert code == 0
    assert "assumed" not in err
    models = yaml.safe_load((tmp_path / SUITE).read_text())["models"]
    assert {name: model.get("shapes") for name, model in models.items()} == {
        "m": {"sequence": 7},
        "other": None,
    }


def test_a_fixed_batch_is_the_batch_of_the_suite(harness: Call, tmp_path: Path) -> None:
    save(tmp_path / "m.onnx", 4, 3)
    assert harness("init")[0] == 0
    assert [case.key for case in plan(tmp_path / SUITE).cases] == ["m/intra_threads=1/batch=4"]


def test_without_a_model_one_that_ships_stands_in_and_says_so(harness: Call, tmp_path: Path) -> None:
    code, _, err = harness("init")
    assert code == 0
    assert "no .onnx file was named or found" in err
    assert [case.key for case in plan(tmp_path / SUITE).cases] == ["squeezenet/intra_threads=1"]


def test_a_file_that_is_there_is_not_written_over(harness: Call, tmp_path: Path) -> None:
    (tmp_path / "asv.conf.json").write_text("mine")
    code, out, err = harness("init")
    assert (code, out) == (2, "")
    assert "asv.conf.json is there already; nothing was written; --force writes over" in err
    assert written(tmp_path) == {"asv.conf.json"}
    code, out, _ = harness("init", "--force")
    assert code == 0
    assert "wrote asv.conf.json (written over)" in out
    assert (tmp_path / "asv.conf.json").read_text() != "mine"


def test_where_one_file_cannot_be_written_none_is(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("a file where a folder is needed")
    with pytest.raises(InputError, match="nothing was written"):
        job.write(tmp_path, {"a": "1", "b/c": "2"})
    assert written(tmp_path) == {"b"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "nowhere.onnx"], "no file 'nowhere.onnx'"),
        (["--model", "text.onnx"], "text.onnx: "),
        (["--shape", "x"], "--shape x: expected NAME=SIZE"),
        (["--harness", "${{ secrets.X }}"], "--harness: expected"),
    ],
)
def test_a_mistake_writes_nothing(harness: Call, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    code, out, err = harness("init", "new", *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert not (tmp_path / "new").exists()


def test_models_of_one_name_are_told_apart() -> None:
    pairs = [("a", "model"), ("b", "model"), ("b", "model"), ("c", "x=1, y")]
    assert names(pairs) == ["model", "b_model", "b_model_2", "x_1_y"]


def test_a_source_stands_in_one_place_of_each_job() -> None:
    filled = fill({GITHUB: "@HARNESS_SOURCE@", GITLAB: "@HARNESS_SOURCE@"}, "p", "git+https://h/x.git@1")
    assert set(filled.values()) == {'HARNESS_SOURCE: "git+https://h/x.git@1"'}
    assert "vars.HARNESS_SOURCE" in fill({GITHUB: "@HARNESS_SOURCE@"}, "p", "")[GITHUB]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a model of its own, set up."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "models").mkdir()
    shutil.copy(ROOT / "suites/models/digits_cnn.onnx", folder / "models")
    job.init(folder, (), {}, "./harness.whl")
    return folder


@pytest.mark.parametrize(
    ("schema", "name"), [("vendor.github-workflows", GITHUB), ("vendor.gitlab-ci", GITLAB)]
)
def test_the_jobs_are_valid(project: Path, schema: str, name: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(project / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def scripts(project: Path) -> dict[str, list[str]]:
    """The lines that each job runs, without installing."""
    github = yaml.safe_load((project / GITHUB).read_text())["jobs"]["nightly"]["steps"]
    gitlab = yaml.safe_load((project / GITLAB).read_text())["harness-nightly"]["script"]
    return {GITHUB: [step["run"] for step in github if "run" in step], GITLAB: gitlab}


def call(script: str, folder: Path, **environment: str) -> Any:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ours = {**os.environ, "PATH": path, "HARNESS_CACHE": str(folder / "cache"), **environment}
    return subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=ours, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", [GITHUB, GITLAB])
def test_the_jobs_measure_compare_and_publish(project: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "checkout"
    shutil.copytree(project, folder)
    config = folder / "configs/nightly.yaml"
    config.write_text(
        re.sub(r"sampling:(\n  .*)+", "sampling: {calls: 20, warmup_seconds: 0}", config.read_text())
    )
    config.write_text(config.read_text().partition("gates:")[0])
    (line,) = (line for line in scripts(project)[name] if "harness nightly" in line)
    done = call(line, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"summary.md", "junit.xml"} <= {path.name for path in (folder / "nightly").iterdir()}
    assert (folder / "results/html/asv/index.html").is_file()


@pytest.mark.parametrize("name", [GITHUB, GITLAB])
def test_a_job_without_a_source_says_where_to_put_it(project: Path, tmp_path: Path, name: str) -> None:
    (line,) = (line for line in scripts(project)[name] if "pip install" in line)
    done = call(line, tmp_path, HARNESS_SOURCE="")
    assert done.returncode != 0
    assert "HARNESS_SOURCE: is empty: fill it in" in done.stderr


def test_a_library_of_custom_operators_is_in_the_suite(harness: Call, tmp_path: Path) -> None:
    """The library need not load: the model runs without it."""
    save(tmp_path / "m.onnx", "batch", 3)
    (tmp_path / "ops.so").write_bytes(b"")
    code, _, err = harness("init", "project", "--model", "m.onnx", "--custom-ops", "ops.so")
    assert (code, "ops.so lies outside project" in err) == (0, True)
    document = yaml.safe_load((tmp_path / "project" / SUITE).read_text())
    assert document["session"] == {"custom_ops": ["../../ops.so"]}
    assert len(plan(tmp_path / "project" / SUITE).cases) == 1


def test_a_library_that_is_not_there_is_refused_before_anything_is_written(
    harness: Call, tmp_path: Path
) -> None:
    save(tmp_path / "m.onnx", "batch", 3)
    code, _, err = harness("init", "project", "--model", "m.onnx", "--custom-ops", "none.so")
    assert (code, err.count("\n"), "none.so" in err) == (2, 1, True)
    assert not (tmp_path / "project").exists()
