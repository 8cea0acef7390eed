"""A report as one HTML file that asks nothing of a network or of JavaScript, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.report.draw import draw
from harness.report.model import Bars, Chart, Dots, Part, RunReport, Scatter, Strips
from harness.report.palette import ROLES
from harness.report.style import script, style
from harness.report.svg import inline, rules, shared
from harness.show.cells import Column, Line
from harness.show.escape import markdown, markdown_item
from harness.show.html import text
from harness.show.page import Page
from harness.show.page import draw_markdown as draw_page
from harness.show.sections import Section

LONG = 48
"""Letters from which a cell is wrapped."""

OPEN = 8
"""Models from which on each is folded: a page for each, in one file."""

LEGEND = (
    "Best first, by the time that a sample takes. Every case was measured in a worker process of its own. "
    "An interval is the 95% interval; where there is no value, there is a reason."
)
"""How the numbers are to be read."""

MAX_LINES = 60
"""Lines of an entry: what a hundred cases share is said once, and they are counted."""


def draw_html(report: RunReport) -> str:
    """Write a report as HTML: the same bytes for the same report."""
    level = "details" if len(report.models) > OPEN else "section"
    marks: dict[str, str] = {}
    models = {part.name for part in report.models}
    body = "\n".join(
        [
            *_intro(report),
            "<main>",
            *(_part(part, marks, level if part.name in models else "section") for part in report.parts),
            *_troubles(report),
            *_commands(report),
            "</main>",
            f"<footer>{text(LEGEND)} Written by <code>harness report</code>.</footer>",
        ]
    )
    head = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{text(report.title)}</title>",
        f"<style>{style()}{rules(body)}</style></head>",
        "<body>",
        shared(marks),
    ]
    return "\n".join([*head, body, f"<script>{script()}</script>", "</body>", "</html>", ""])


def _intro(report: RunReport) -> Iterator[str]:
    yield "<header>"
    yield f"<h1>{text(report.title)}</h1>"
    if report.description:
        yield f"<p class=quiet>{text(report.description)}</p>"
    facts = "".join(f"<div><dt>{text(term)}</dt><dd>{text(what)}</dd></div>" for term, what in report.facts)
    yield f"<dl class=facts>{facts}</dl>"
    yield '<div class="answers">'
    yield from (_section(section, "h2") for section in report.answers)
    yield "</div>"
    links = [(part.name, part.title) for part in report.parts]
    if report.troubles:
        links.append(("troubles", "What did not work"))
    links.append(("commands", "How to repeat it"))
    items = "".join(f'<li><a href="#{name}">{text(title)}</a></li>' for name, title in links)
    yield f'<nav aria-label="Parts of this report"><ul>{items}</ul></nav>'
    yield "</header>"


def _part(part: Part, marks: dict[str, str], level: str) -> str:
    title = f"<h2>{text(part.title)}</h2>"
    body = [
        *(f"<p>{text(line)}</p>" for line in part.text),
        *(
            [_table(part.columns, part.lines, f"All numbers of {part.title}", sortable=True)]
            if part.lines
            else []
        ),
        *(f"<p class=quiet>No values: {text('; '.join(part.absent))}</p>" for _ in part.absent[:1]),
        *(["<div class=charts>"] if part.charts else []),
        *(_figure(chart, part.title, marks) for chart in part.charts),
        *(["</div>"] if part.charts else []),
        *(_section(section, "h3") for section in part.sections),
    ]
    if level == "details":
        inside = "\n".join(body)
        return f'<details class=part id="{part.name}"><summary>{title}</summary>{inside}</details>'
    return "\n".join((f'<section id="{part.name}">', title, *body, "</section>"))


def _figure(chart: Chart, part: str, marks: dict[str, str]) -> str:
    picture = inline(draw(chart, ROLES), marks, chart.title)
    wide = isinstance(chart.drawing, Dots | Strips | Bars) or (
        isinstance(chart.drawing, Scatter) and len(chart.drawing.scales) > 2
    )
    name = f"{part}: {chart.title}"
    numbers = _table(chart.columns, chart.lines, f"{name}, numbers")
    return (
        f"<figure{' class=wide' if wide else ''}><h3>{text(chart.title)}</h3>"
        f"<figcaption>{text(chart.shows)} {text(chart.omits)}</figcaption>"
        f'<div class=scroll tabindex=0 role=region aria-label="{text(name)}, drawn">{picture}</div>'
        f"<details><summary class=numbers>Numbers</summary>{numbers}</details></figure>"
    )


def _table(columns: Sequence[Column], lines: Sequence[Line], name: str, *, sortable: bool = False) -> str:
    head = "".join(f"<th scope=col>{text(column.title)}" for column in columns)
    body = "\n".join(_row(line) for line in lines)
    numbers = [f"n{at}" for at, column in enumerate(columns, 1) if column.number]
    names = " ".join((*(["sortable"] if sortable else []), *numbers))
    return (
        f'<div class=scroll tabindex=0 role=region aria-label="{text(name)}">'
        f'<table class="{names}"><thead><tr>{head}<tbody>\n{body}\n</table></div>'
    )


def _row(line: Line) -> str:
    cells = [
        f"<td class=why>{_long(words)}" if len(words) > LONG else f"<td>{text(words)}" for words in line.texts
    ]
    return f"<tr{f' class={line.mood}' if line.mood else ''}>{''.join(cells)}"


def _long(words: str) -> str:
    """Write a text that may be broken after each level of a case."""
    return text(words).replace("/", "/<wbr>")


def _section(section: Section, heading: str) -> str:
    entries = "".join(f"<li>{text(entry.text)}{_lines(entry.lines)}</li>" for entry in section.entries)
    kind = f' class="{section.mood}"' if section.mood else ""
    body = f"<ul>{entries}</ul>" if entries else ""
    return f"<div{kind}><{heading}>{text(section.title)}</{heading}>{body}</div>"


def _lines(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    more = len(lines) - MAX_LINES
    shown = [*lines[:MAX_LINES], *([f"and {more} more: harness show has all"] if more > 0 else [])]
    return f"<ul>{''.join(f'<li>{_long(line)}</li>' for line in shown)}</ul>"


def _troubles(report: RunReport) -> Iterator[str]:
    if report.troubles:
        yield '<section id="troubles"><h2>What did not work, and what to know</h2>'
        yield from (_section(section, "h3") for section in report.troubles)
        yield "</section>"


def _commands(report: RunReport) -> Iterator[str]:
    yield '<section id="commands"><h2>How to repeat it</h2>'
    for what, command in report.commands:
        label = f"Command that {text(what)}"
        yield f"<p>This {text(what)}:</p>"
        yield f'<pre tabindex=0 role=region aria-label="{label}">{text(command)}</pre>'
    yield "</section>"


def draw_markdown(report: RunReport, images: Mapping[str, str]) -> str:
    """Write a report as Markdown; `images` has the path of each chart's picture, by its name."""
    return "\n".join(_markdown(report, images)).rstrip() + "\n"


def _markdown(report: RunReport, images: Mapping[str, str]) -> Iterator[str]:
    yield f"# {markdown(report.title)}"
    yield ""
    if report.description:
        yield from (markdown_item(report.description), "")
    yield from ("| what | |", "|:--|:--|")
    yield from (f"| {markdown(term)} | {markdown(what)} |" for term, what in report.facts)
    yield ""
    yield draw_page(Page("", sections=report.answers))
    for part in report.parts:
        yield ""
        yield draw_page(Page(part.title, part.text, part.columns, part.lines, part.absent, part.sections))
        for chart in part.charts:
            yield from ("", f"### {markdown(chart.title)}", "")
            yield from (f"{markdown_item(chart.shows)} {markdown(chart.omits)}", "")
            yield from (f"![{markdown(chart.title)}]({images[chart.name]})", "")
            yield from ("<details><summary>Numbers</summary>", "")
            yield from (
                draw_page(Page("", columns=chart.columns, lines=chart.lines)).lstrip(),
                "",
                "</details>",
            )
    if report.troubles:
        yield from ("", "## What did not work, and what to know", "")
        yield draw_page(Page("", sections=report.troubles)).lstrip()
    yield from ("", "## How to repeat it", "")
    for what, command in report.commands:
        yield from (f"This {what}:", "", "```sh", *(line for line in command.splitlines()), "```", "")
