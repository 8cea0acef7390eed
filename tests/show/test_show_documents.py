"""What documents and pages have in common, whatever they are of."""

from dataclasses import replace

import pytest

from harness import show
from harness.core.errors import NotFoundError
from harness.core.report import Report
from harness.show.cells import Column, Delta, Line, Number, interval, number
from harness.show.overview import RunDocument
from harness.show.page import Page, draw, draw_markdown


class Listing:
    """A document of another package."""

    kind = "listing"

    def page(self) -> Page:
        return Page(
            "first", lines=(Line(("a", None)),), columns=(Column("x"), Column("y")), more=(Page("next"),)
        )

    def rows(self) -> list[dict[str, object]]:
        return [{"x": "=a", "y": None}]

    def data(self) -> dict[str, object]:
        return {"x": "=a"}


def test_a_document_is_shown_in_every_format() -> None:
    assert show.render(Listing(), "table") == "first\n\nx  y\na  –\n\nnext"
    assert show.render(Listing(), "markdown").splitlines()[-1] == "## next"
    assert show.render(Listing(), "csv") == "x,y\r\n'=a,"
    assert show.render(Listing(), "json") == '{\n "x": "=a"\n}'


@pytest.mark.parametrize("view", show.OF_RUNS)
def test_views_of_runs_refuse_other_documents(view: str) -> None:
    with pytest.raises(NotFoundError, match="shows the records of a run, and this is a listing"):
        show.render(Listing(), view)


def test_a_number_is_written_by_its_unit_and_kind() -> None:
    cells = (
        Number(0.0012, "s"),
        Number(-400_000, "B", signed=True),
        Number(833.25, "samples/s", beside="samples/s"),
        Delta(-0.03, "ratio"),
        Delta(0.1, "s"),
        Delta(-1.5, "dB"),
        interval(0.98, 1.02),
        number(None, "s"),
    )
    assert Line(cells).texts == (
        "1.2 ms", "-400 kB", "833.2", "-3.00 points", "+10.00%", "-1.5 dB", "[-2.00%, +2.00%]", "–",
    )  # fmt: skip


def test_a_column_without_any_value_is_named_with_the_reason(report: Report) -> None:
    assert RunDocument(report).page().absent == ("p95: 4 samples; p95 needs 130",)
    page = Page("t", absent=("p95: 36 calls; 130 needed",))
    assert draw(page) == "t\n(no values: p95: 36 calls; 130 needed)"
    assert draw_markdown(page).endswith("\n\nNo values: p95: 36 calls; 130 needed")


def test_the_description_of_a_suite_stands_above_its_numbers(report: Report) -> None:
    described = replace(report, description="A first look\n  at this machine.")
    assert show.render_run(described, "table").splitlines()[1] == "A first look at this machine."
