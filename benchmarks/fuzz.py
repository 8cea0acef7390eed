"""Feed broken suites and command lines to the harness, and count how they are answered.

    python benchmarks/fuzz.py [--suites 10000] [--lines 2000] [--seed 0]

Suites are drawn at random, most of them with a few mistakes (`fuzz_suites.py`);
of every eighth of these, and of the repository's own for another eighth, bytes
and lines are exchanged as well. They are planned; what is planned is estimated, and its
plan is drawn. Command lines are words of every command, its options and junk.
Nothing is measured. Every answer has to be a plan or one line, and exit
code 0, 2 or 3: a traceback, or exit code 1 or 4, is a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import fuzz_suites as fuzzed

from harness import show
from harness.cli import COMMANDS
from harness.cli import main as harness
from harness.core.errors import InputError
from harness.plan import estimate, plan
from harness.show.plan import PlanDocument

ROOT = Path(__file__).resolve().parents[1]
JUNK = [
    "", "~", "null", "-1", "0", "1e999", ".nan", "2026-01-01", "[]", "{}", "[[[", "!foo", "&a *a", "<<",
    "!!python/object:os.system x", "\x00", "\x1b[2J", "'", '"', "\udcff", "a" * 300, "../..", "/dev/null",
    "é→", "9" * 400, "fp32", "cpu", "latency/p50", "*", "key: value", "- x", "\t",
]  # fmt: skip
WORDS = [
    "", "-", "--", "x", "a" * 300, "\udcff", "\x1b[31m", "bad.yaml", "bad.onnx", ".", "/", "/dev/null",
    "results", "latest", "previous", "anchor", "2026-11-22", "HEAD", "9" * 400, "-1", "nan", "1%", "batch=1",
    "=", "a=b=c", "axes.batch=1,8", "axes=!!foo", "json", "table", "1/2", "0/0", "*", "[",
    "latency/p50", "axes", "--help",
]  # fmt: skip
QUIET = [name for name in COMMANDS if name not in ("doctor", "demo", "runtimes", "asv")]


def broken(draw: random.Random, text: str) -> bytes:
    """Exchange some of a suite."""
    data = bytearray(text.encode())
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(5):
            case 0:
                data[at:at] = draw.choice(JUNK).encode("utf-8", "surrogatepass")
            case 1:
                del data[at : at + draw.randint(1, 30)]
            case 2:
                data[at : at + 1] = bytes([draw.randrange(256)])
            case 3:
                lines = bytes(data).split(b"\n")
                draw.shuffle(lines)
                data = bytearray(b"\n".join(lines))
            case _:
                start = data.find(b": ", at)
                end = data.find(b"\n", start)
                if 0 <= start < end:
                    data[start + 2 : end] = draw.choice(JUNK).encode("utf-8", "surrogatepass")
    return bytes(data)


def fuzz_suites(draw: random.Random, count: int) -> Counter[str]:
    """Plan suites, most of them with mistakes, and draw what is planned."""
    own = [path.read_text() for path in sorted((ROOT / "suites").glob("*.yaml"))]
    answers: Counter[str] = Counter()
    Path("configs").symlink_to(ROOT / "configs")
    Path("suites").mkdir()
    for entry in (ROOT / "suites").iterdir():  # what suites name lies beside them
        (Path("suites") / entry.name).symlink_to(entry)
    path = Path("suites/fuzzed.yaml")
    for number in range(count):
        text = draw.choice(own) if number % 8 == 0 else fuzzed.text(draw)
        path.write_bytes(broken(draw, text) if number % 8 < 2 else text.encode("utf-8", "surrogatepass"))
        try:
            made = plan(path)
            show.render(PlanDocument(made, estimate(made)), draw.choice(["table", "json", "csv"]))
            answers["planned" if made.cases else "planned, without cases"] += 1
        except InputError as error:
            answers["refused" if str(error).strip() else "fault: refused without a word"] += 1
        except Exception as error:
            answers[f"fault {type(error).__name__}"] += 1
            Path(f"{ROOT.name}-{answers.total()}.yaml").write_bytes(path.read_bytes())
            print(f"fault: {error!r}: {path.read_bytes()!r}", file=sys.stderr)
    return answers


def fuzz_lines(draw: random.Random, count: int) -> Counter[int]:
    """Call command lines that measure nothing, for there is no suite and no model."""
    import click

    from harness.cli import harness as program

    Path("bad.yaml").write_text("models: {m: {source: {fake: [}}}")
    Path("bad.onnx").write_bytes(b"\x08\x07nothing")
    options = {}
    for name in QUIET:
        command = program.get_command(click.Context(program), name)
        assert command is not None
        groups = command.commands.values() if isinstance(command, click.Group) else [command]
        options[name] = [
            *getattr(command, "commands", {}),
            *(o for c in groups for p in c.params for o in p.opts),
        ]
    codes: Counter[int] = Counter()
    for _ in range(count):
        name = draw.choice([*QUIET, "x"])
        line = [name, *(draw.choice([*WORDS, *options.get(name, [])]) for _ in range(draw.randint(0, 6)))]
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = harness(line)
        codes[code] += 1
        if code in (1, 4) or "Traceback" in out.getvalue():
            print(f"exit code {code}: {line!r}: {out.getvalue()[-300:]!r}", file=sys.stderr)
    return codes


def main() -> None:
    """Count the answers, and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--suites", type=int, default=10_000)
    parser.add_argument("--lines", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        os.environ["HARNESS_CACHE"] = f"{name}/cache"
        print(
            f"{options.lines} command lines, by exit code: {dict(fuzz_lines(draw, options.lines))}",
            flush=True,
        )
        print(f"{options.suites} suites: {dict(fuzz_suites(draw, options.suites))}")


if __name__ == "__main__":
    main()
