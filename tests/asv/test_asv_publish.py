"""The dashboard, as asv itself builds and reads it.

`contract` runs once for each version in the environment variable
HARNESS_ASV_VERSIONS: "pinned" (what is installed, the default), "newest", or
a number. Anything but "pinned" is installed into a folder of its own first.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import harness
from harness import store
from harness.asv import export as asv
from harness.asv.demo import STEPS, write_config, write_history
from harness.core.errors import InputError, StoreError

pytestmark = pytest.mark.xdist_group("dashboard")  # one site is made for all

ROOT = Path(harness.__file__).parent.parent
VERSIONS = os.environ.get("HARNESS_ASV_VERSIONS", "pinned").split()


@dataclass(frozen=True)
class Site:
    """What a page of a published site is made of."""

    folder: Path

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())

    @property
    def regressions(self) -> dict[str, list[list[float]]]:
        """Series -> its jumps: [None or revision before, revision, value before, value after]."""
        return {item[0]: item[6] for item in self.json("regressions.json")["regressions"]}


@pytest.fixture
def published(results: Path) -> Callable[..., Site]:
    def publish(**options: Any) -> Site:
        config = results.parent / "asv.conf.json"
        asv.export(results, config)
        return Site(asv.publish(results, config, **options))

    return publish


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 synthetic nights, exported."""
    folder = tmp_path_factory.mktemp("demo")
    write_history(folder)
    asv.export(folder, write_config(folder))
    return folder


@pytest.fixture(scope="module")
def site(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The demonstration, published; others publish over the folder that this is a copy of."""
    published = asv.publish(demo, demo / "asv.conf.json")
    return Site(Path(shutil.copytree(published, tmp_path_factory.mktemp("site") / "html")))


def noisy(
    stored, results, record, cell, sd: float, *, at: int | None = None, factor: float = 1.0, series: int = 12
) -> None:
    """60 nights of `series` cases whose p50 has this relative noise, and a step from night `at` on."""
    rng = np.random.default_rng(7)
    for night in range(60):
        level = 1e-3 * (factor if at is not None and night >= at else 1.0)
        values = level * np.exp(rng.normal(0, sd, series))
        stored(
            results,
            night,
            [record(cell(f"net{index}"), {"latency/p50": value}) for index, value in enumerate(values)],
        )


@pytest.mark.parametrize("sd", [0.01, 0.03])
def test_flat_noisy_nights_have_no_regression(published, results, stored, record, cell, sd: float) -> None:
    noisy(stored, results, record, cell, sd)
    assert published().regressions == {}


def test_an_injected_step_of_a_tenth_is_found_on_its_night(published, results, stored, record, cell) -> None:
    noisy(stored, results, record, cell, 0.003, at=40, factor=1.10)
    found = published().regressions
    assert sorted(found) == sorted(
        f"nightly.net{index}.latency_p50('default', 'default', 'auto', 1)" for index in range(12)
    )
    for jumps in found.values():
        ((before, revision, old, new),) = jumps
        assert (before, revision) == (None, 40)
        assert new / old == pytest.approx(1.10, abs=0.005)


def test_steps_of_speed_memory_and_accuracy_are_found_and_nothing_else(site: Site) -> None:
    expected = set()
    for step in STEPS:
        kinds = {"latency_p50", "latency_p95", "throughput_seconds_per_sample"} if step.latency > 1 else set()
        kinds |= {"memory_peak"} if step.memory > 1 else set()
        kinds |= {"accuracy_top1_error"} if step.wrong > 1 else set()
        artifact = "default" if step.precision == "fp32" else f"precision={step.precision}"
        expected |= {
            (f"synthetic.{step.model}.{kind}('{artifact}', 'default', 1, {batch})", step.night)
            for kind in kinds
            for batch in (1, 8)
        }
    assert {(name, jumps[0][1]) for name, jumps in site.regressions.items()} == expected
    assert len(expected) == 10


def test_the_first_error_after_none_is_found(published, results, stored, record, cell) -> None:
    for night in range(12):
        perfect = night < 8
        values = {"accuracy/top1": 1.0 if perfect else 0.98, "accuracy/nonfinite": 0.0 if perfect else 3.0}
        stored(results, night, [record(cell(), values)])
    found = published().regressions
    assert {name.split("(")[0]: jumps for name, jumps in found.items()} == {
        "nightly.net.accuracy_top1_error": [[None, 8, 0.0, pytest.approx(0.02)]],
        "nightly.net.accuracy_nonfinite": [[None, 8, 0.0, 3.0]],
    }


def test_the_feed_tells_the_regressions_too(site: Site) -> None:
    assert "10.00% synthetic" not in (feed := (site.folder / "regressions.xml").read_text())
    assert feed.count("<entry>") == 10 and "150.00% synthetic.synthetic_cnn.accuracy_top1_error" in feed


def test_a_failed_night_is_a_gap(site: Site) -> None:
    line = "graphs/branch-main/machine-synthetic-machine/runtime-current"
    points = site.json(f"{line}/synthetic.synthetic_encoder.latency_p50.json")
    gaps = {index for index, (_, values) in enumerate(points) if None in values}
    assert gaps == {25}


def test_everything_on_the_page_says_that_it_is_synthetic(site: Site) -> None:
    index = site.json("index.json")
    assert index["project"] == "SYNTHETIC demonstration (nothing here was measured)"
    assert index["params"]["machine"] == ["synthetic-machine"]
    assert all(name.startswith("synthetic.synthetic_") for name in index["benchmarks"])
    assert "SYNTHETIC demonstration" in (site.folder / "runs.html").read_text()


def test_every_commit_leads_to_its_run(demo: Path, site: Site) -> None:
    from harness.asv.timeline import read

    index, page = site.json("index.json"), (site.folder / "runs.html").read_text()
    assert index["show_commit_url"] == "runs.html#"
    for night in read(demo / "timeline.git"):
        assert f'<tr id="{night.commit[:8]}"><td id="{night.commit}">' in page
    assert page.count("current (1.31.0)") == 40 and page.count("current (1.32.0)") == 20


def test_the_pages_need_no_network(site: Site) -> None:
    page = (site.folder / "index.html").read_text()
    loaded = [part.split('"')[0] for part in page.replace("href=", "src=").split('src="')[1:]]
    files = [name for name in loaded if not name.startswith(("#", "https://github.com/"))]
    assert len([name for name in files if name.startswith("vendor/")]) == 10
    assert all((site.folder / name).is_file() for name in files)


def test_the_last_nights_are_enough(demo: Path) -> None:
    index = Site(asv.publish(demo, demo / "asv.conf.json", last=10)).json("index.json")
    assert sorted(map(int, index["revision_to_hash"])) == list(range(50, 60))


def test_names_are_text_on_every_page(published, results, stored, record, cell) -> None:
    hostile = "<script>alert(1)<script>"
    hostile_record = record(cell(hostile, hostile), {"latency/p50": 1.0}, suite=hostile, machine=hostile)
    stored(results, 0, [hostile_record])
    site = published()
    index = site.json("index.json")
    (benchmark,) = index["benchmarks"].values()
    # Data that no page shows; it tells two names apart that asv's would not.
    assert benchmark.pop("harness") == {"suite": hostile, "model": hostile, "metric": "latency/p50"}
    assert "<script" not in json.dumps(index)
    others = [path for path in site.folder.rglob("*.json") if path.name != "index.json"]
    assert others and all("<script" not in path.read_text() for path in others)
    assert "<script" not in (site.folder / "runs.html").read_text()


def test_nothing_is_published_while_something_is_measured(published, results, stored, record, cell) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 1.0})])
    with store.new_run(results, store.Header(suite="nightly", machine="m1")) as journal:
        journal.append(record(cell(), {"latency/p50": 1.0}))
        with pytest.raises(InputError, match=f"run {journal.run} is being measured"):
            published()


def test_publishing_before_exporting_says_what_to_do(results) -> None:
    with pytest.raises(InputError, match="harness asv export"):
        asv.publish(results, results.parent / "asv.conf.json")


@pytest.mark.parametrize("name", ["machine.json", "*-*.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", "\xff", '{"version": 2, "results": 5}'])
def test_a_damaged_file_is_named_before_asv_reads_it(results, stored, record, cell, name, content) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 1.0})])
    asv.export(results, results.parent / "asv.conf.json")
    (path,) = (results / "asv").glob(f"*/{name}")
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(StoreError, match=rf"{path.name}: cannot be read .*export the runs again"):
        asv.publish(results, results.parent / "asv.conf.json")


def test_a_damaged_timeline_is_named_before_asv_reads_it(results, stored, record, cell) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 1.0})])
    asv.export(results, results.parent / "asv.conf.json")
    (results / "timeline.git" / "HEAD").write_text("junk")
    with pytest.raises(StoreError, match=r"timeline\.git: git log: fatal: .*export the runs again"):
        asv.publish(results, results.parent / "asv.conf.json")


def test_a_site_that_cannot_be_built_leaves_the_old_one(
    published, results, stored, record, cell, configure, capfd
) -> None:
    stored(results, 0, [record(cell(), {"latency/p50": 1.0})])
    site = published()
    configure(results.parent, branches=["nowhere"])
    with pytest.raises(InputError, match="exit code"):
        published()
    assert (site.folder / "index.html").is_file()


def test_over_commits_of_ones_own(published, results, stored, record, cell, repository, configure) -> None:
    configure(results.parent, repo=".", show_commit_url="https://example.org/commit/")
    commits = repository(6)
    for night, commit in enumerate(commits):
        stored(results, night, [record(cell(), {"latency/p50": 1.0 if night < 3 else 1.2})], commit=commit)
    site = published()
    assert site.json("index.json")["revision_to_hash"] == {
        str(number): commit for number, commit in enumerate(commits)
    }
    ((_, jumps),) = site.regressions.items()
    assert jumps == [[None, 3, 1.0, 1.2]]
    assert not (site.folder / "runs.html").exists()


# The contract with asv's own commands


@pytest.fixture(scope="module", params=VERSIONS)
def beside(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Python finds one version of asv."""
    path = str(ROOT)
    if request.param != "pinned":
        folder = tmp_path_factory.mktemp("asv")
        wanted = ["asv", "asv_runner"] if request.param == "newest" else [f"asv=={request.param}"]
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
        subprocess.run([*pip, *wanted], check=True)
        path = f"{folder}{os.pathsep}{ROOT}"
    return {**os.environ, "PYTHONPATH": path, "ASV_WANTED": request.param}


@pytest.fixture(scope="module")
def tool(beside: dict[str, str]) -> Callable[..., str]:
    """Run `python -m MODULE ...` and give what it prints."""

    def run(module: str, *arguments: str, cwd: Path) -> str:
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, cwd=cwd, env=beside, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_contract_is_with_the_version_asked_for(tool, beside, demo: Path) -> None:
    wanted = {"pinned": metadata.version("asv")}.get(beside["ASV_WANTED"], beside["ASV_WANTED"])
    found = tool("asv", "--version", cwd=demo).split()[-1]
    assert found == wanted or wanted == "newest"


def test_what_is_pinned_is_installed() -> None:
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    installed = {f"{name}=={metadata.version(name)}" for name in ("asv", "asv_runner")}
    assert installed <= set(needed)


def test_contract_export_and_publish(tool, demo: Path) -> None:
    config = ["--results", str(demo), "--config", "asv.conf.json"]
    tool("harness", "asv", "export", "latest", *config, cwd=demo)
    tool("harness", "asv", "publish", *config, cwd=demo)
    assert len(Site(demo / "html").regressions) == 10


def test_contract_asv_publish(tool, demo: Path) -> None:
    tool("asv", "publish", cwd=demo)
    site = Site(demo / "html")
    assert len(site.regressions) == 10
    assert (site.folder / "runs.html").is_file() and (site.folder / "vendor" / "jquery.min.js").is_file()


def test_contract_asv_show(tool, demo: Path) -> None:
    shown = tool("asv", "show", "main", cwd=demo)
    assert "synthetic.synthetic_encoder.latency_p50 [synthetic-machine/current]" in shown
    assert "precision=int8_static" in shown and "7.25±" in shown


def test_contract_asv_show_of_a_failure(tool, demo: Path) -> None:
    assert "1/4 failed" in tool("asv", "show", "main~34", cwd=demo)


def test_contract_asv_compare(tool, demo: Path) -> None:
    compared = tool("asv", "compare", "main~15", "main", "--factor", "1.05", cwd=demo)
    worse = [line for line in compared.splitlines() if line.startswith("| +")]
    assert len(worse) == 2 and all("accuracy_top1_error('precision=int8_static'" in line for line in worse)


@pytest.fixture
def preview(tool, beside, demo: Path) -> Iterator[str]:
    tool("asv", "publish", cwd=demo)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "asv", "preview", "--port", str(port)]
    server = subprocess.Popen(
        command, cwd=demo, env=beside, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.kill()
        server.wait()


def test_contract_asv_preview(preview: str) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(preview + "index.json") as answer:
                assert json.load(answer)["project"].startswith("SYNTHETIC")
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("asv preview does not answer")
