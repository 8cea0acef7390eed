from pathlib import Path

from harness.names import METRICS

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
    assert rows() == METRICS
