"""The command line: one file a command; each parses, calls one function and prints.

Exit codes: 0 all measured and all gates hold; 1 a gate failed or a regression
was found; 2 the input was wrong and nothing was measured; 3 cases failed,
crashed or timed out (they are recorded), or what is kept cannot be read or
written; 4 a fault of the harness itself; 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from harness.core.errors import HarnessError, InputError, MissingExtraError
from harness.core.registry import closest

COMMANDS = {
    "inspect": "Show what a model file is, what in it costs or breaks, and the command that measures it.",
    "init": "Write a suite and CI jobs for your own models.",
    "run": "Measure a suite.",
    "plan": "Show what a suite comes to, without measuring.",
    "schema": "Print the JSON schema of a suite, for editors.",
    "sweep": "Measure one model file, without writing a suite.",
    "show": "Show stored results.",
    "tune": "Find the best settings under limits, in a fraction of a full sweep's time.",
    "ab": "Compare two models or settings by an interleaved A/B test.",
    "report": "Write a run as one HTML page with tables and charts, to hand over.",
    "nightly": "Measure a suite, compare it with earlier runs, and report what got worse.",
    "explain": "Show why two arms differ: the region that is slower, or the first tensor that goes wrong.",
    "profile": "Show where the time of a call goes: node, operator, region.",
    "compare": "Compare two stored runs.",
    "history": "Show metrics over the stored runs, and the runs at which they changed.",
    "bisect": "Find the first bad version of ONNX Runtime, or the first bad file.",
    "anchor": "Pin the run that later runs are compared with.",
    "merge": "Copy the runs of several results folders into one.",
    "cache": "Show what the cache holds, and remove from it.",
    "models": "List the built models in the cache.",
    "runtimes": "List, add and remove versions of ONNX Runtime.",
    "repro": "Print a script that repeats one case's timed loop.",
    "doctor": "Check this machine for noise and find the smallest change it can detect.",
    "asv": "Export results to asv, and build its dashboard.",
    "demo": "Show the dashboard on synthetic nights.",
}
"""Every command and its one line of help; its code is imported when it is called."""


class Commands(click.Group):
    """Commands that are imported when they are called, so that --help is instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import the command `name`."""
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"harness.cli.{name}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one is nearest."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(f"unknown command {args[0]!r}: {closest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Examples:
  harness run suites/quickstart.yaml
  harness sweep model.onnx --batch 1,8 --intra-threads 1,2
  harness show latest --format markdown
""",
)
@click.version_option(package_name="onnx-harness", prog_name="harness")
@click.pass_context
def harness(context: click.Context) -> None:
    """Benchmark ONNX models with ONNX Runtime, and notice when they get worse."""
    context.with_resource(_warned())


def main(args: list[str] | None = None, parts: Mapping[str, Any] | None = None) -> int:
    """Run the command line and return its exit code; whatever goes wrong is a line each on stderr.

    `parts` go in place of what a command calls by that name, such as ``run_ab`` or ``open_bench``.
    """
    from harness.cli.streams import guarded

    with guarded() as output:
        code = _call(args, parts)
        if output is not None and sys.stdout is not None:
            sys.stdout.flush()
        if output is not None and output.reason:
            _complain(f"standard output: {output.reason}; what was to be printed is lost", 3)
            return code or 3
        return code


def _call(args: list[str] | None, parts: Mapping[str, Any] | None) -> int:
    try:
        # A job that is cancelled, or loses its terminal, keeps what it measured: as one interrupted does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(signal.SIGHUP, signal.default_int_handler)
        result = harness.main(args=args, prog_name="harness", standalone_mode=False, obj=parts)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f"; see '{context.command_path} --help'" if context else ""
        return _complain(f"{error.format_message().rstrip('.')}{hint}", 2)
    except (InputError, MissingExtraError) as error:
        return _complain(str(error), 2)
    except HarnessError as error:
        return _complain(str(error), 3)
    except (KeyboardInterrupt, click.Abort):
        return _complain("interrupted", 130)
    except OSError as error:
        if error.filename is None:
            return _fault(error)
        return _complain(f"{os.fsdecode(error.filename)}: {error.strerror or error}", 2)
    except Exception as error:
        return _fault(error)
    return result if isinstance(result, int) else 0


def _fault(error: Exception) -> int:
    """Keep the traceback of a fault of the harness in a file, and name the file in one line."""
    import tempfile
    import traceback

    reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
    try:
        descriptor, name = tempfile.mkstemp(prefix="harness-fault-", suffix=".txt")
        text = f"{sys.argv}\n\n{''.join(traceback.format_exception(error))}"
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
        where = f"please report it with {name}"
    except OSError as full:
        where = f"its traceback cannot be written: {full.strerror}"
    return _complain(f"a fault of the harness, not of what was asked ({reason}); {where}", 4)


@contextmanager
def _warned() -> Iterator[None]:
    """Print what the rooms warn of on stderr: a line each, the same line once."""
    import logging

    printed: set[str] = set()

    class Lines(logging.Handler):
        def emit(self, entry: logging.LogRecord) -> None:
            line = entry.getMessage()
            if line not in printed:
                printed.add(line)
                _complain(line, 0, "warning")

    lines = Lines(logging.WARNING)
    logging.getLogger("harness").addHandler(lines)
    try:
        yield
    finally:
        logging.getLogger("harness").removeHandler(lines)


def _complain(message: str, code: int, kind: str = "error") -> int:
    from harness.show.escape import visible

    for line in message.splitlines() or [""]:
        click.echo(f"{kind}: {visible(line)}", err=True)
    return code
