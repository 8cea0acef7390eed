"""Complete the pages that asv publishes: scripts from beside the page, and a page that names the runs."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

_CDNJS = "https://cdnjs.cloudflare.com/ajax/libs"
_NPM = "https://cdn.jsdelivr.net/npm"

VENDORED = {
    "https://code.jquery.com/jquery-3.3.1.min.js": "jquery.min.js",
    f"{_CDNJS}/flot/0.8.3/jquery.flot.min.js": "jquery.flot.js",
    f"{_CDNJS}/flot/0.8.3/jquery.flot.time.min.js": "jquery.flot.time.js",
    f"{_CDNJS}/flot/0.8.3/jquery.flot.selection.min.js": "jquery.flot.selection.js",
    f"{_CDNJS}/flot/0.8.3/jquery.flot.categories.min.js": "jquery.flot.categories.js",
    f"{_NPM}/flot-orderbars@1.0.0/js/jquery.flot.orderBars.js": "jquery.flot.orderBars.js",
    f"{_CDNJS}/stupidtable/1.0.1/stupidtable.min.js": "stupidtable.min.js",
    f"{_CDNJS}/blueimp-md5/2.19.0/js/md5.min.js": "md5.min.js",
    f"{_NPM}/bootstrap@3.1.1/dist/js/bootstrap.min.js": "bootstrap.min.js",
    f"{_NPM}/bootstrap@3.1.1/dist/css/bootstrap.min.css": "bootstrap.min.css",
}
"""Where asv's pages load a library from -> the file of harness/asv/vendor that stands in for it."""

_LOADED = re.compile(
    r'(?P<attribute>src|href)="(?P<url>https://[^"]+)"(?: (?:integrity|crossorigin|referrerpolicy)="[^"]*")*'
)


def self_contained(page: str) -> tuple[str, list[str]]:
    """Point a page at copies of its libraries; give it, and the copies that it needs beside it.

    A library that is not known (of another asv) is left as it is.
    """
    needed = []

    def local(match: re.Match[str]) -> str:
        name = VENDORED.get(match["url"])
        if name is None:
            return match[0]
        needed.append(f"vendor/{name}")
        return f'{match["attribute"]}="vendor/{name}"'

    return _LOADED.sub(local, page), needed


def render_runs(
    project: str, rows: Sequence[Mapping[str, str]], reports: Mapping[str, str] | None = None
) -> str:
    """Render the page behind every commit of the timeline; each row has a ``Commit``, newest first.

    A row is found by its commit, in full or by the 8 digits that asv shows:
    ``runs.html#1a2b3c4d``. `reports` has the address of each run's report.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row))
    head = "".join(f"<th>{html.escape(key)}</th>" for key in keys)
    body = "\n".join(_row(row, keys, reports or {}) for row in rows)
    title = html.escape(project)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Runs of {title}</title>
<link rel="icon" href="swallow.ico">
<style>
body {{ font: 14px/1.4 sans-serif; margin: 2em }}
table {{ border-collapse: collapse }}
th, td {{ text-align: left; padding: .3em .8em; border-bottom: 1px solid #ddd }}
tr:target, tr:has(:target) {{ background: #fff3c4 }}
</style>
</head>
<body>
<h1>Runs of {title}</h1>
<p>Each commit of the timeline is one run; <code>harness show RUN</code> shows all of it.
<a href="index.html">Back to the dashboard.</a></p>
<table>
<tr>{head}</tr>
{body}
</table>
</body>
</html>
"""


def _row(row: Mapping[str, str], keys: Sequence[str], reports: Mapping[str, str]) -> str:
    commit = html.escape(row["Commit"])
    cells = {key: html.escape(row.get(key, "")) for key in keys if key != "Commit"}
    if address := reports.get(row.get("Run", "")):
        cells["Run"] = f'<a href="{html.escape(address)}">{cells["Run"]}</a>'
    rest = "".join(f"<td>{cell}</td>" for cell in cells.values())
    return f'<tr id="{commit[:8]}"><td id="{commit}">{commit[:8]}</td>{rest}</tr>'
