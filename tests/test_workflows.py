"""The workflows are what their schemas allow, and what they call does what they want it for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import harness

ROOT = Path(harness.__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PAGE = (ROOT / "docs" / "ci.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(GITLAB,) = (text for kind, text in BLOCKS if kind == "yaml")
(JENKINS,) = (text for kind, text in BLOCKS if kind == "groovy")
(BRANCH,) = (text for kind, text in BLOCKS if kind == "sh" and "git clone" in text)
(SHARDS,) = (text for kind, text in BLOCKS if kind == "sh" and "merge" in text)

Workplace = Callable[[str], Path]


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return document


def check(schema: str, *files: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_workflows_are_valid() -> None:
    assert [path.name for path in WORKFLOWS] == ["nightly.yml", "tests.yml"]
    check("vendor.github-workflows", *WORKFLOWS)


def test_the_gitlab_job_is_valid(tmp_path: Path) -> None:
    (tmp_path / ".gitlab-ci.yml").write_text(GITLAB)
    check("vendor.gitlab-ci", tmp_path / ".gitlab-ci.yml")


def steps(workflow: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Every step that runs something, with its job."""
    for job in workflow["jobs"].values():
        yield from ((job, step) for step in job["steps"] if "run" in step)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_that_people_type_reaches_a_shell_as_text(path: Path) -> None:
    for _, step in steps(load(path.name)):
        for expression in re.findall(r"\$\{\{(.*?)\}\}", step["run"]):
            assert expression.strip().startswith("matrix.")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_is_installed_is_there(path: Path) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for _, step in steps(load(path.name)):
        if "pip install" in step["run"]:
            (named,) = re.findall(r"--editable (?:'\.\[(.*?)\]'|\.(?=\s|$))", step["run"])
            assert set(filter(None, named.split(","))) <= extras.keys()
            assert "--constraint .ci/constraints.txt" in step["run"]
        elif step["run"].startswith("python -m pytest "):
            command = [sys.executable, *step["run"].split()[1:], "--collect-only", "-q"]
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        elif step["run"].startswith("make "):
            subprocess.run([*step["run"].split(), "--dry-run"], cwd=ROOT, check=True, capture_output=True)
        else:
            assert "harness " in step["run"]


def test_the_tests_run_on_every_python_that_is_promised() -> None:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    promised = [text.rpartition(" ")[2] for text in classifiers if re.search(r":: 3\.\d+$", text)]
    assert load("tests.yml")["jobs"]["tests"]["strategy"]["matrix"]["python"] == promised


@pytest.fixture
def workplace(tmp_path: Path, suite: Callable[..., Path]) -> Workplace:
    """Make a checkout in which suites/nightly.yaml is a small suite of the fake engine."""
    text = suite(axes={"opset": [17, 18]}).read_text()

    def make(name: str) -> Path:
        folder = tmp_path / name
        (folder / "suites").mkdir(parents=True)
        (folder / "suites" / "nightly.yaml").write_text(text)
        shutil.copy(ROOT / "asv.conf.json", folder)
        (folder / ".venv").symlink_to(sys.prefix)
        return folder

    return make


def run(script: str, folder: Path, code: int = 0, **environment: str) -> None:
    """Run a script as a CI system does, with bash in a checkout; it ends with `code`."""
    folders = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ours = {**os.environ, "PATH": folders, "HARNESS_CACHE": str(folder / "cache"), **environment}
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=ours, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, f"{script}\n{done.stdout}\n{done.stderr}"


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of GitHub's expressions."""
    return re.sub(r"\$\{\{\s*([\w.]+)\s*\}\}", lambda match: values[match[1]], text)


def play(
    workflow: str, job: str, folder: Path, values: Mapping[str, str], code: int = 0, **more: str
) -> None:
    """Run the steps of a job that call harness, whatever their conditions say; a nightly ends with `code`."""
    found = load(workflow)["jobs"][job]
    for step in found["steps"]:
        if "harness " in step.get("run", ""):
            environment = {**found.get("env", {}), **step.get("env", {})}
            run(
                fill(step["run"], values),
                folder,
                code if "harness nightly" in step["run"] else 0,
                **{name: fill(str(text), values) for name, text in environment.items()},
                **more,
            )


def stored(folder: Path) -> int:
    return len(list(folder.glob("runs/*/run.parquet")))


def test_the_nightly_workflow_measures_both_shards_and_builds_the_dashboard(workplace: Workplace) -> None:
    matrix = load("nightly.yml")["jobs"]["measure"]["strategy"]["matrix"]["shard"]
    dashboard = workplace("dashboard")
    for index in matrix:
        folder = workplace(f"shard-{index}")
        values = {"matrix.shard": str(index), "inputs.runtime": "", "inputs.anchor": "latest"}
        play("nightly.yml", "measure", folder, values)
        assert (folder / "night" / "junit.xml").is_file()
        results = folder / "results" / f"shard-{index}"
        assert stored(results) == 1
        assert (results / "anchors.json").is_file()
        shutil.copytree(results, dashboard / "shards" / f"runs-{index}")  # what download-artifact does
    play("nightly.yml", "dashboard", dashboard, {})
    assert stored(dashboard / "results") == len(matrix)
    (uploaded,) = (
        step["with"]["path"]
        for step in load("nightly.yml")["jobs"]["dashboard"]["steps"]
        if "upload-pages" in step.get("uses", "")
    )
    assert (dashboard / uploaded / "index.html").is_file()


def test_a_runtime_is_handed_on_by_the_workflow(workplace: Workplace) -> None:
    folder = workplace("checkout")
    values = {"matrix.shard": "1", "inputs.runtime": "onnxruntime==1.0.99", "inputs.anchor": "latest"}
    play("nightly.yml", "measure", folder, values, code=3, PIP_NO_INDEX="1")  # so all is unsupported, at once
    records = json.loads((folder / "night" / "records.json").read_text())
    assert {record["axes"]["runtime"] for record in records} == {"onnxruntime==1.0.99"}
    assert all("/runtime=onnxruntime==1.0.99" in record["case"] for record in records)


def test_an_anchor_is_pinned_though_something_got_worse() -> None:
    """Without a status function in it, a condition is one of success: `success() && …`."""
    (step,) = (step for _, step in steps(load("nightly.yml")) if "harness anchor set" in step["run"])
    assert step["if"] == "${{ !cancelled() && inputs.anchor != '' }}"


def test_a_run_to_pin_is_of_one_shard_and_fails_in_none(workplace: Workplace) -> None:
    (step,) = (step for _, step in steps(load("nightly.yml")) if "harness anchor set" in step["run"])
    folder = workplace("checkout")
    run("harness run suites/nightly.yaml --results shard-1", folder)
    (found,) = (path.name for path in folder.glob("shard-1/runs/*"))
    for index in ("1", "2"):
        run(fill(step["run"], {"matrix.shard": index}), folder, ANCHOR=found, RESULTS=f"shard-{index}")
    assert found in (folder / "shard-1" / "anchors.json").read_text()
    assert not (folder / "shard-2").exists()
    (folder / "shard-1" / "anchors.json").write_text("{")
    with pytest.raises(AssertionError, match="not a list of anchors"):
        run(fill(step["run"], {"matrix.shard": "1"}), folder, ANCHOR=found, RESULTS="shard-1")


def test_the_newest_asv_is_tried_by_a_job_of_its_own() -> None:
    (step,) = (step for _, step in steps(load("tests.yml")) if "HARNESS_ASV_VERSIONS" in step.get("env", {}))
    assert step["env"]["HARNESS_ASV_VERSIONS"] == "newest"
    assert step["run"].split() == ["python", "-m", "pytest", "tests/asv", "-k", "contract"]


def test_a_night_that_was_cancelled_goes_on_from_what_the_cache_keeps(workplace: Workplace) -> None:
    """The summary is not in the cache; that the night is not over is."""
    values = {"matrix.shard": "1", "inputs.runtime": "", "inputs.anchor": "latest"}
    kept = "results/shard-1"
    first, second = workplace("first"), workplace("second")
    play("nightly.yml", "measure", first, values)
    (run,) = (first / kept).glob("runs/*")
    (run / "unreported").touch()  # as where it was cancelled in its A/B
    shutil.copytree(first / kept, second / kept)
    play("nightly.yml", "measure", second, values)
    assert stored(second / kept) == 1
    assert (second / "night" / "summary.md").is_file()


def test_what_the_workflow_saves_is_what_it_restores() -> None:
    cached = [
        step["with"]
        for step in load("nightly.yml")["jobs"]["measure"]["steps"]
        if step.get("uses", "").startswith("actions/cache/")
    ]
    restored, saved = cached
    assert restored["path"] == saved["path"]
    assert restored["key"] == saved["key"]
    assert saved["key"].startswith(restored["restore-keys"])


def test_the_gitlab_jobs_measure_and_build_the_dashboard(workplace: Workplace) -> None:
    jobs, folder = yaml.safe_load(GITLAB), workplace("checkout")
    total = jobs["night"]["parallel"]
    for index in range(1, total + 1):
        for line in jobs["night"]["script"][1:]:
            run(line, folder, CI_NODE_INDEX=str(index), CI_NODE_TOTAL=str(total))
        assert (folder / jobs["night"]["artifacts"]["reports"]["junit"]).is_file()
        shutil.rmtree(folder / "night")
    for line in jobs["pages"]["script"][1:]:
        run(line, folder)
    assert stored(folder / "results") == total
    assert (folder / "public" / "index.html").is_file()


def test_the_jenkins_pipeline_measures_and_builds_the_dashboard(workplace: Workplace) -> None:
    folder = workplace("checkout")
    lines = re.findall(r"(?:sh |script: )'(.*?harness .*?)'", JENKINS)
    assert len(lines) == JENKINS.count("'harness ")
    measure, *dashboard = lines
    for index in ("1", "2"):
        run(measure, folder, SHARD=index)
        assert (folder / f"night-{index}" / "junit.xml").is_file()
    for line in dashboard:
        run(line, folder)
    assert (folder / "results" / "html" / "asv" / "index.html").is_file()


def test_a_results_branch_keeps_the_nights(workplace: Workplace, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    for index in (1, 2):
        folder = workplace(f"night-{index}")
        (folder / "asv.conf.json").unlink()  # the dashboard is not what this is about
        run(BRANCH, folder, REMOTE=str(remote))
        assert stored(folder / "kept") == index


def test_the_shards_of_the_page_are_joined(workplace: Workplace) -> None:
    folder = workplace("checkout")
    (folder / "asv.conf.json").unlink()
    run(SHARDS, folder)
    assert stored(folder / "results" / "all") == 2
