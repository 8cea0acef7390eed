"""What docs/asv.md says of the configuration and the tables holds."""

from pathlib import Path

import harness
from harness.asv.benchmarks import DIMENSIONS, TURNS
from harness.asv.export import configured
from harness.core.metrics import METRICS

ROOT = Path(harness.__file__).parent.parent
PAGE = (ROOT / "docs" / "asv.md").read_text()


def test_the_configuration_on_the_page_is_the_one_at_the_root() -> None:
    block = PAGE.split("```json\n")[1].split("```")[0]
    assert block == (ROOT / "asv.conf.json").read_text()


def test_asv_reads_the_configuration_at_the_root() -> None:
    with configured(ROOT / "asv.conf.json") as conf:
        assert (conf.repo, conf.branches, conf.plugins) == (
            "results/timeline.git",
            ["main"],
            [".harness.asv.export"],
        )
        assert (ROOT / conf.benchmark_dir / "__init__.py").is_file()


def test_every_metric_that_is_exported_stands_in_the_table() -> None:
    table = PAGE.split("| metric | in asv |")[1].split("\n\n")[0]
    for name, row in METRICS.items():
        if (row.unit, row.better) in TURNS and row.dashboard:
            assert name in table or name.partition("/")[2] in table, name


def test_every_dimension_stands_in_the_table() -> None:
    for name in DIMENSIONS:
        assert f"\n| {name} | " in PAGE


def test_the_pictures_are_there() -> None:
    names = [part.split(")")[0] for part in PAGE.split("](images/")[1:]]
    assert len(names) == 3
    assert all((ROOT / "docs" / "images" / name).stat().st_size > 10_000 for name in names)
