import re
from pathlib import Path

from harness.core.metrics import METRICS
from harness.judge.closeness import AGREEMENT, SQNR_DB

DOCS = Path(__file__).parents[2] / "docs"


def rows():
    """Name, unit and direction of every metric in the tables of the document."""
    found = {}
    for line in (DOCS / "metrics.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            found[cells[0].strip("`")] = (cells[1], "none" if cells[2] == "–" else cells[2])
    return found


def test_the_document_lists_every_metric_with_its_unit_and_direction():
    assert rows() == {name: (row.unit, row.better) for name, row in METRICS.items()}


def test_the_document_lists_the_limits_of_every_precision():
    text = (DOCS / "metrics.md").read_text()
    table = dict(re.findall(r"^\| (\w+) \| (\d+) dB \|$", text, re.MULTILINE))
    assert table == {name: f"{limit:.0f}" for name, limit in SQNR_DB.items()}
    assert f"At least {AGREEMENT:.0%} of the classes" in text


def test_the_document_of_statistics_says_the_constants_that_the_code_uses():
    from harness.ab.model import ALPHA
    from harness.history import changes as history
    from harness.judge import steady
    from harness.stats.floor import sample_floor
    from harness.stats.sequential import LOOKS, fewest_values, safe_values
    from harness.stats.signed_rank import visible_shift

    text = (DOCS / "statistics.md").read_text()
    floors = [sample_floor(quantile) for quantile in (0.9, 0.95, 0.99)]
    assert "{} for p90, {} for p95, {} for p99".format(*floors) in text
    assert f"level α = {ALPHA:.0%}" in text
    needed = [fewest_values(ALPHA, candidates) for candidates in (1, 2, 10)]
    assert "a verdict at 1% needs {}, with Holm over two candidates {}, over ten {}".format(*needed) in text
    first = [fewest_values(LOOKS[0] * ALPHA, candidates) for candidates in (1, 2, 10)]
    assert "(the first look, at 0.8%: {}, {} and {})".format(*first) in text
    assert "share α by {} and {}".format(*LOOKS) in text
    strays = [safe_values(LOOKS[1] * ALPHA, candidates) for candidates in (1, 2)]
    assert "{} for one candidate, {} for two".format(*strays) in text
    factors = [f"{visible_shift(n, ALPHA):.1f}" for n in (7, 10, 20)]
    assert "{} standard deviations for 7 blocks, {} for 10, {} for 20".format(*factors) in text
    assert f"in every process of {steady.MIN_CALLS} calls or more" in text
    assert f"more than {steady.MODES:.0%} of the variance" in text
    assert "of up to {}, {}, {}, {} and {} nights".format(*history.SCALES) in text
    assert history.STRENGTH == 5 and "five standard errors" in text
    assert history.MIN_RUNS == 10 and "fewer than ten values" in text
