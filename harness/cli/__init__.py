"""The command line: one file a command; each parses, calls one function and prints.

Exit codes: 0 all measured and all gates hold; 1 a gate failed or a regression
was found; 2 the input was wrong and nothing was measured; 3 cases failed,
crashed or timed out (they are recorded); 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module

import click

from harness.core.errors import HarnessError, InputError, MissingExtraError
from harness.core.registry import closest

COMMANDS = {
    "inspect": "Show what a model file is, what in it costs or breaks, and the command that measures it.",
    "run": "Measure a suite.",
    "plan": "Show what a suite comes to, without measuring.",
    "schema": "Print the JSON schema of a suite, for editors.",
    "sweep": "Measure one model file, without writing a suite.",
    "show": "Show stored results.",
    "ab": "Compare two models or settings by an interleaved A/B test.",
    "nightly": "Measure a suite, compare it with earlier runs, and report what got worse.",
    "compare": "Compare two stored runs.",
    "history": "Show metrics over the stored runs, and the runs at which they changed.",
    "bisect": "Find the first bad version of ONNX Runtime, or the first bad file.",
    "anchor": "Pin the run that later runs are compared with.",
    "merge": "Copy the runs of several results folders into one.",
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
def harness() -> None:
    """Benchmark ONNX models with ONNX Runtime, and notice when they get worse."""


def main(args: list[str] | None = None) -> int:
    """Run the command line and return its exit code; user errors are one line each on stderr."""
    try:
        # A job that is cancelled keeps what it measured, as one that is interrupted does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        result = harness.main(args=args, prog_name="harness", standalone_mode=False)
        sys.stdout.flush()
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
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


def _complain(message: str, code: int) -> int:
    from harness.show.escape import visible

    for line in message.splitlines() or [""]:
        click.echo(f"error: {visible(line)}", err=True)
    return code
