"""The table of constants in docs/ab.md is that of the code."""

from pathlib import Path

import pytest

from harness.ab.blocks import P95_CALLS
from harness.ab.budget import LEAST_SPAN_S
from harness.ab.model import ABSettings
from harness.ab.schedule import SCREEN_ALL, SCREEN_FEW, OnlyCase, SeveralCases, count_tests
from harness.measure.interleave import SLICE_NS
from harness.stats.sequential import EARLY_SHARE, EQUIVALENCE_ALPHA, LOOKS

DOCS = Path(__file__).parents[2] / "docs"
ASKED = ABSettings()


def share(metric: str) -> str:
    return f"{count_tests([metric]) / count_tests(ASKED.metrics):.0%}"


ONE, THREE = OnlyCase.of(ASKED, ["latency/p50"]), OnlyCase.of(ASKED, ASKED.metrics)
CONSTANTS = {
    "alpha": f"{ASKED.alpha:.0%}",
    "alpha of equivalence": f"{EQUIVALENCE_ALPHA:.0%}",
    "share of p50": share("latency/p50"),
    "share of p95": share("latency/p95"),
    "share of memory/peak": share("memory/peak"),
    "first screening blocks": SCREEN_FEW,
    "all screening blocks": SCREEN_ALL,
    "fewest blocks, one case, p50 only": ONE.fewest,
    "fewest blocks, one case, three metrics": THREE.fewest,
    "safe blocks, one case, p50 only": ONE.safe,
    "safe blocks, one case, three metrics": THREE.safe,
    "fewest blocks, one candidate": SeveralCases.of(ASKED, 1).fewest,
    "fewest blocks, two candidates": SeveralCases.of(ASKED, 2).fewest,
    "second look, one candidate": SeveralCases.of(ASKED, 1).second_look,
    "second look, two candidates": SeveralCases.of(ASKED, 2).second_look,
    "share of the first look": f"{LOOKS[0]:.0%}",
    "share of the second look": f"{LOOKS[1]:.0%}",
    "share of an early look": f"{EARLY_SHARE:.0%}",
    "control blocks": ONE.control,
    "calls for a p95": P95_CALLS,
    "slice": f"{SLICE_NS / 1e6:.0f} ms",
    "shortest block": f"{LEAST_SPAN_S} s",
}


def rows() -> dict[str, str]:
    """Constant and value of every row of the table."""
    text = (DOCS / "ab.md").read_text()
    table = text[text.index("| constant | value") :].split("\n\n")[0]
    cells = [line.strip("|").split("|") for line in table.splitlines()[2:]]
    return {name.strip(): value.strip() for name, value, *_ in cells}


def test_the_table_lists_the_constants_and_no_others() -> None:
    assert rows().keys() == CONSTANTS.keys()


@pytest.mark.parametrize("name", CONSTANTS)
def test_the_table_says_what_the_code_uses(name: str) -> None:
    assert rows()[name] == str(CONSTANTS[name])
