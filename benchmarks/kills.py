"""Kill a run of the fake engine at random moments, resume it, and see that no record is lost or doubled.

    python benchmarks/kills.py [--kills 60] [--seed 0]

Each child runs `harness run` in a process of its own and is ended by SIGKILL
after a random time, most of them once a record more is there, so that a busy
machine does not keep all from it; then taken up by --resume, until the run is sealed; then
the next run begins. After every kill, the records on disk must begin with
those that were there before; a sealed run must hold every case once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from harness.cli import main as harness
from harness.store.lines import decode_line, whole_lines

CASES = 6
FAKE = {"session_ns": 1000, "call_ns": [1000], "outputs": {"y": [[0.1, 0.9]]}}
SUITE = {
    "models": {"m": {"source": {"fake": FAKE}}},
    "axes": {"batch": list(range(1, CASES + 1))},
    "sampling": {"warmup_calls": 1, "warmup_seconds": 0, "calls": 10, "timeout": 60},
    "measure": {"accuracy": False},
}  # fmt: skip


def start(command: list[str]) -> int:
    """Run a command line in a child of its own process group; give its number."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        os._exit(harness(command))
    return child


def journal(results: Path) -> tuple[str, list[str]]:
    """Give the newest unfinished run and the cases in its journal; an empty name where there is none."""
    found = sorted((results / "runs").glob("*/journal.jsonl"))
    if not found:
        return "", []
    lines = whole_lines(found[-1].read_bytes()).split(b"\n")[:-1]
    return found[-1].parent.name, [decode_line(line)["case"] for line in lines]


def main() -> None:
    """Count kills, lost and doubled records, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw, kills, sealed, lost, doubled = random.Random(options.seed), 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        os.environ |= {"HARNESS_CACHE": f"{name}/cache", "TMPDIR": name}
        results, suite = Path("results"), Path("suite.yaml")
        suite.write_text(json.dumps(SUITE))
        run, before = "", list[str]()
        while kills < options.kills:
            resume = ["--resume"] if before else []
            child, begun = start(["run", str(suite), *resume]), time.monotonic()
            span, ended, waits = draw.uniform(0.0, 4.0), False, draw.random() < 0.8
            while (waits or time.monotonic() - begun < span) and not ended:
                ended = os.waitpid(child, os.WNOHANG)[0] != 0
                if waits and len(journal(results)[1]) > len(before):
                    waits, begun = False, time.monotonic()
                time.sleep(0.01)
            if not ended:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                kills += 1
            at, now = journal(results)
            if ended or (
                before and at != run
            ):  # sealed; an older run that was killed before its first case stays
                sealed, run, before = sealed + 1, "", []
                continue
            lost += now[: len(before)] != before
            doubled += len(set(now)) != len(now)
            run, before = at, now
        from harness import store

        for item in store.runs(results):
            cases = [record.case for record in store.records(results, item.run)]
            doubled += len(set(cases)) != len(cases)
            lost += item.sealed and len(cases) != CASES
        runs = len(store.runs(results))
    print(f"{kills} kills, {runs} runs, {sealed} times sealed: {lost} lost, {doubled} doubled")
    sys.exit(1 if lost or doubled else 0)


if __name__ == "__main__":
    main()
