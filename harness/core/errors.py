"""What can go wrong, as one tree.

::

    HarnessError
    ├── InputError            the user's input is wrong: one line, exit code 2
    │   ├── SuiteError        a suite or config file (carries every problem found)
    │   └── NotFoundError     a run, case, anchor or name that is not there
    ├── CaseError             one case cannot be measured; the sweep goes on
    │   ├── Unsupported       this machine, runtime or exporter cannot
    │   └── Failed            it should have worked and did not
    ├── StoreError            the results folder cannot be read or written
    │   ├── SchemaError       a file of a schema that this version does not know
    │   └── UnwritableError   nothing was begun there: an InputError too
    └── MissingExtraError     an optional dependency is absent; says what to install
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class HarnessError(Exception):
    """Base of every error that the harness raises on purpose."""


class InputError(HarnessError):
    """The input is wrong: says where, what, and what to do. Exit code 2."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one file."""

    path: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class SuiteError(InputError):
    """A suite or config is wrong; every problem found is listed, a line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NotFoundError(InputError):
    """A name that is not there; the message names the closest known ones."""


class CaseError(HarnessError):
    """One case cannot be measured; becomes a record, never ends the sweep."""


class Unsupported(CaseError):
    """This machine, runtime or exporter cannot do what was asked."""


class Failed(CaseError):
    """What was asked should have worked and did not."""


class StoreError(HarnessError):
    """The results folder cannot be read or written."""


class SchemaError(StoreError):
    """A stored file is of a schema that this version does not know."""


class UnwritableError(StoreError, InputError):
    """The folder that was named takes no files, and nothing was begun. Exit code 2."""


class MissingExtraError(HarnessError):
    """An optional dependency is absent; the message says what to install."""
