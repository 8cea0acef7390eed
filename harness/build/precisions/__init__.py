"""Turn an FP32 model into one of another precision.

A new precision is one file with one `Precision` and one line in
`harness.core.plugins.PRECISIONS`; other packages add theirs through the
entry-point group ``harness.precisions``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.core.errors import Failed
from harness.core.feeds import Rows
from harness.core.registry import closest

Convert = Callable[[Path, Path, Mapping[str, Any], Sequence[Rows]], Mapping[str, Any]]
"""(FP32 model, file to write, options, calibration feeds) -> provenance."""


@dataclass(frozen=True, slots=True)
class Precision:
    """One way to convert.

    `reads_back` is what `harness.build.reading` must find in the file;
    `defaults` holds every option there is; `choices` what some of them may be.
    `calibrated` asks for feeds; `calibrated_by` are values of options that ask for them.
    `packages` are those that the bytes depend on.
    """

    convert: Convert
    reads_back: str
    defaults: Mapping[str, Any]
    choices: Mapping[str, Sequence[str]]
    packages: tuple[str, ...]
    calibrated: bool = False
    calibrated_by: Mapping[str, str] = field(default_factory=dict)

    def takes_feeds(self, options: Mapping[str, Any]) -> bool:
        """Return whether a conversion by these options, all of them, is calibrated."""
        return self.calibrated or any(options[name] == value for name, value in self.calibrated_by.items())

    def complete(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return all options, defaults filled in. Raises Failed for an unknown name or a wrong value."""
        for option, value in options.items():
            if option not in self.defaults:
                raise Failed(f"precision {name!r} has no option {option!r}: {closest(option, self.defaults)}")
            default, choices = self.defaults[option], self.choices.get(option)
            wanted = int | float if isinstance(default, float) else type(default)
            if not isinstance(value, wanted):
                raise Failed(f"precision {name!r}: {option}: expected one like {default!r}, got {value!r}")
            if choices is not None and value not in choices:
                raise Failed(
                    f"precision {name!r}: {option}: unknown {value!r}: {closest(str(value), choices)}"
                )
        return {**self.defaults, **options}
