"""The views for people: the same cells as a table and as Markdown, nothing cut, nothing obeyed."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness import show
from harness.core.errors import NotFoundError
from harness.core.record import Record
from harness.core.report import Report, Row
from harness.show.escape import formula, markdown, markdown_item, visible

TABLE = """\
quick 20261123T140732Z-3f2a1c
10 cases: 3 ok, 2 skipped, 2 unsupported, 1 failed, 1 crashed, 1 timeout; box

model       precision    batch      p50   speedup  samples/s  peak memory  Δ memory   top-1  Δ top-1  notes
digits      int8_static  1       800 µs     1.50×       1250      50.8 MB   -400 kB  98.90%   -0.20%  openvino 97%; note 1
            fp32         1       1.2 ms  baseline      833.2      51.2 MB         –  99.10%   +0.00%

squeezenet  fp32         1      11.2 ms  baseline          –            –         –       –        –  random weights
(no values: p95: 4 samples; p95 needs 130)

Failed: 3 cases
  crashed: the worker died of SIGSEGV (signal 11)
    digits/precision=int8_dynamic
  failed: ids: nothing binds 'seq'
    squeezenet/batch=8
  timeout: no answer within 300 s
    squeezenet/batch=32

Gates failed: 1
  latency/p50 max_increase 3% against previous: 1.2 ms is 9% over 1.1 ms
    digits

Gates without data: 1
  latency/p50 max_increase 3% against previous: no earlier run
    squeezenet

Gates passed: 1

Unsupported: 2 cases
  cuda is not in this runtime
    squeezenet/provider=cuda
    squeezenet/provider=cuda/batch=8

Skipped: 2 cases
  slow (2 cases)

Notes
  openvino 97%: cpu ran Softmax 3 (1 case)
  note 1: asked for 2 threads, the session started 0 beside the calling one (1 case)
  random weights (1 case)

Best
  digits, for latency: latency/p50 800 µs, 1.50× the baseline, top-1 -0.20%
    digits/precision=int8_static"""  # noqa: E501

MARKDOWN = """\
## quick 20261123T140732Z-3f2a1c

10 cases: 3 ok, 2 skipped, 2 unsupported, 1 failed, 1 crashed, 1 timeout; box

| model | precision | batch | p50 | speedup | samples/s | peak memory | Δ memory | top-1 | Δ top-1 | notes |
| :-- | :-- | :-- | --: | --: | --: | --: | --: | --: | --: | :-- |
| digits | int8_static | 1 | 800 µs | 1.50× | 1250 | 50.8 MB | -400 kB | 98.90% | -0.20% | openvino 97%; note 1 |
| digits | fp32 | 1 | 1.2 ms | baseline | 833.2 | 51.2 MB | – | 99.10% | +0.00% |  |
| squeezenet | fp32 | 1 | 11.2 ms | baseline | – | – | – | – | – | random weights |

No values: p95: 4 samples; p95 needs 130

### Failed: 3 cases

- crashed: the worker died of SIGSEGV (signal 11)
  - digits/precision=int8_dynamic
- failed: ids: nothing binds 'seq'
  - squeezenet/batch=8
- timeout: no answer within 300 s
  - squeezenet/batch=32
"""  # noqa: E501


def test_the_table_shows_every_number_and_every_reason(report: Report) -> None:
    assert show.render_run(report, "table") == TABLE


def test_markdown_shows_the_same_cells(report: Report) -> None:
    assert show.render_run(report, "markdown").startswith(MARKDOWN)


def test_a_narrow_terminal_loses_whole_columns_and_says_which(report: Report) -> None:
    lines = show.render_run(report, "table", width=100).splitlines()
    assert lines[3] == (
        "model       precision    batch      p50   speedup  peak memory   top-1  Δ top-1  notes"
    )
    assert "(too narrow for: samples/s, Δ memory)" in lines
    assert "(too narrow for: samples/s)" in show.render_run(report, "table", width=121)
    wide = show.render_run(report, "table", width=122)
    assert wide == TABLE


def test_color_is_used_only_where_asked_for(report: Report) -> None:
    assert "\x1b" not in show.render_run(report, "table")
    colored = show.render_run(report, "table", color=True)
    assert "\x1b[1;31mFailed: 3 cases\x1b[0m" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored).split() == TABLE.split()


def test_a_report_of_nothing_says_so() -> None:
    assert show.render_run(Report("empty", (), (), ()), "table") == "empty\nno cases"
    assert show.render_run(Report("empty", (), (), ()), "markdown") == "## empty\n\nno cases"


def test_a_report_in_which_nothing_was_measured_still_says_why(report: Report) -> None:
    broken = tuple(row for row in report.rows if not row.rank)
    text = show.render_run(
        replace(report, records=tuple(row.record for row in broken), rows=broken, gates=(), advice=()),
        "table",
    )
    assert text.startswith("quick 20261123T140732Z-3f2a1c\n7 cases: 2 skipped, 2 unsupported, 1 failed")
    assert "p50" not in text


def test_notes_of_one_kind_stand_together(make_record: Callable[..., Record]) -> None:
    p50 = {"latency/p50": 0.001}
    told = [
        ("not steady: drift", "not steady: 9% outliers"),
        ("not steady: 8% outliers",),
        ("not steady: 7%",),
    ]
    records = [
        make_record("m", batch=number, notes=notes, note_shorts=("not steady",) * len(notes), metrics=p50)
        for number, notes in enumerate(told, 1)
    ]
    rows = tuple(Row(record, rank, False, None) for rank, record in enumerate(records, 1))
    text = show.render_run(Report("t", tuple(records), rows, ("batch",)), "table")
    assert text.splitlines()[3:] == [
        "model  batch   p50  notes",
        "m      1      1 ms  not steady",
        "       2      1 ms  not steady",
        "       3      1 ms  not steady",
        "",
        "Notes",
        "  not steady (3 cases)",
        "    drift",
        "    9% outliers",
        "    8% outliers",
        "    ... and 1 more: --format json has each with its case",
    ]


def test_random_numbers_in_place_of_data_are_read_in_the_table(make_record: Callable[..., Record]) -> None:
    p50 = {"latency/p50": 0.001}
    shorts = ("random calibration", "random inputs")
    notes = tuple(f"{short}: why" for short in shorts)
    record = make_record("m", notes=notes, note_shorts=shorts, metrics=p50)
    text = show.render_run(Report("t", (record,), (Row(record, 1, False, None),), ()), "table")
    (row,) = (line for line in text.splitlines() if line.startswith("m "))
    assert all(short in row for short in shorts)
    assert all(f"  {note}" in text for note in notes)


def test_an_unknown_format_names_the_nearest(report: Report) -> None:
    with pytest.raises(NotFoundError, match=r"unknown format 'markdwon': did you mean 'markdown'\?"):
        show.render_run(report, "markdwon")


def test_hostile_names_stay_one_line_of_a_table(hostile: Report) -> None:
    lines = show.render_run(hostile, "table").splitlines()
    name = r"""<script>alert("x")</script>|\n\x1b[31m=cmd&`_a_`\u202e"""
    assert lines[0] == name
    assert lines[4].split("  ") == [name, name, "1.2 ms", "baseline", "note 1"]


def test_hostile_names_open_no_tag_and_no_cell_in_markdown(hostile: Report) -> None:
    text = show.render_run(hostile, "markdown")
    assert "<" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("| &lt;")]
    assert len(re.findall(r"(?<!\\)\|", row)) == 6


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("int8_static", "int8_static"),
        ("_a_ *b* `c`", r"\_a\_ \*b\* \`c\`"),
        ("a|b", r"a\|b"),
        ("[x](y)", r"\[x\](y)"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("a\nb", r"a\\nb"),
        ("# a", r"\# a"),
        ("~~a~~", r"\~\~a\~\~"),
    ],
)
def test_markdown_is_written_so_that_it_reads_as_it_was(text: str, written: str) -> None:
    assert markdown(text) == written


@pytest.mark.parametrize(
    ("text", "written"), [("- a", r"\- a"), ("1. a", r"1\. a"), ("= a", r"\= a"), ("a - b", "a - b")]
)
def test_an_item_does_not_begin_another_list(text: str, written: str) -> None:
    assert markdown_item(text) == written


def test_plain_text_is_left_alone_and_unseen_text_made_visible() -> None:
    assert visible("größe 1.2 µs 模型") == "größe 1.2 µs 模型"
    assert visible("a\x1b]0;t\x07\x9b1m\u202eb\udce9") == r"a\x1b]0;t\x07\x9b1m\u202eb\udce9"


def test_formulas_are_defused() -> None:
    assert [formula(text) for text in ("=1+1", "+1", "-1", "@a", "a=1", "")] == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@a",
        "a=1",
        "",
    ]


def test_a_speedup_over_an_unsteady_baseline_says_so(report: Report) -> None:
    advice = tuple(replace(item, baseline_steady=False) for item in report.advice)
    text = show.render_run(replace(report, advice=advice), "table")
    assert "1.50× the baseline (which is not steady), top-1 -0.20%" in text
