"""What pytest loads: options, which files are suites, the fixture.

Loaded into every pytest session where the harness is installed, most of which
never measure anything: imports pytest and paths alone until it is asked to.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.pytest.paths import RECORD, absolute, cache_dir, results_dir

if TYPE_CHECKING:
    from harness.pytest.bench import OnnxBench
    from harness.pytest.suite import SuiteFile

SUITES = pytest.StashKey[set[Path]]()
"""The files of --harness-suite."""

NAMED = pytest.StashKey[set[Path]]()
"""What else the command line names."""

_SUITE_KEY = re.compile(r"^\{?\s*[\"']?(models|extends|axes|sampling|gates)[\"']?\s*:", re.MULTILINE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the harness."""
    group = parser.getgroup("harness", "benchmarks of ONNX models")
    group.addoption(
        "--harness-suite",
        action="append",
        default=[],
        metavar="SUITE",
        help="measure the cases of this suite (a YAML file) beside the tests; may be repeated",
    )
    group.addoption(
        "--harness-results",
        default="results",
        metavar="DIR",
        help="folder that keeps the measured runs (default: results)",
    )
    group.addoption(
        "--harness-cache",
        metavar="DIR",
        help="folder that keeps built models (default: $HARNESS_CACHE, else ~/.cache/harness)",
    )
    group.addoption(
        "--harness-benchmark-json",
        metavar="PATH",
        help="write the measured cases for 'pytest-benchmark compare' into this file",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Have the suites of --harness-suite collected, and keep what this session measures."""
    suites = [absolute(config, suite) for suite in config.getoption("--harness-suite")]
    config.stash[SUITES] = set(suites)
    config.stash[NAMED] = {absolute(config, argument.partition("::")[0]) for argument in config.args}
    config.addinivalue_line(
        "markers", "harness(axis=value, ...): a case of a suite, which -m selects by its axes"
    )
    config.args.extend(str(suite) for suite in suites if suite not in config.stash[NAMED])
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist: the controller keeps
        return
    from harness.pytest.runs import Runs

    config.pluginmanager.register(Runs(config, results_dir(config), _benchmark_json(config)), "harness-runs")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SuiteFile | None:
    """Collect a suite that is named on the command line; a folder's YAML files are left alone."""
    config = parent.config
    if file_path not in config.stash[SUITES] and not (
        file_path in config.stash[NAMED] and _is_suite(file_path)
    ):
        return None
    from harness.pytest.suite import SuiteFile

    suite: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
    return suite


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send a case's record along with its report: under pytest-xdist, to another process."""
    report = yield
    if call.when == "call" and RECORD in item.stash:
        report.__dict__.update(harness_suite=str(item.path), harness_record=item.stash[RECORD])
        del item.stash[RECORD]
        if isinstance(report.longrepr, tuple):  # skipped: by the suite, not by the line that noticed
            report.longrepr = (str(item.path), 1, report.longrepr[2])
    return report


@pytest.fixture(scope="session")
def onnx_bench(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> OnnxBench:
    """Measure a model within a test.

    For example ``stats = onnx_bench("model.onnx", batch=8)``, ``assert stats.p95 < 0.010``.
    """
    from harness.pytest.bench import OnnxBench

    return OnnxBench(cache_dir(pytestconfig), tmp_path_factory.mktemp("onnx_bench"))


def _benchmark_json(config: pytest.Config) -> Path | None:
    """Give the file to write; find out before measuring that it cannot be. Raises UsageError."""
    text = config.getoption("--harness-benchmark-json")
    if text is None:
        return None
    path, flag = absolute(config, text), f"--harness-benchmark-json={text}"
    if path.is_dir() or not path.parent.is_dir():
        raise pytest.UsageError(f"{flag}: name a file in an existing folder")
    if find_spec("pytest_benchmark") is None:
        raise pytest.UsageError(f"{flag} needs pytest-benchmark: pip install 'pytest-benchmark>=5.1,<6'")
    return path


def _is_suite(path: Path) -> bool:
    """Return whether a file is a suite, mistakes or not, rather than another plugin's; no YAML parser."""
    if path.suffix not in (".yaml", ".yml"):
        return False
    return _SUITE_KEY.search(path.read_text(encoding="utf-8", errors="replace")) is not None
