"""Which versions to look at beside the ends, and the stretches of bad ones among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.bisect.model import Scan, StepVerdict, Window


def to_scan(versions: Sequence[str], scan: Scan) -> list[str]:
    """Return the versions that `scan` looks at whatever the ends say, oldest first.

    ``MINORS`` takes the newest patch of every minor release, as far as names have
    the form of versions; ``HALVES`` takes none.
    """
    if scan is Scan.ALL:
        return list(versions)
    if scan is Scan.HALVES:
        return []
    newest = {_minor(version): version for version in versions}
    return [version for version in versions if newest[_minor(version)] == version]


def _minor(version: str) -> tuple[str, ...]:
    parts = version.split(".")
    return tuple(parts[:2]) if all(part.isdecimal() for part in parts[:2]) else (version,)


def find_windows(versions: Sequence[str], marks: Mapping[str, StepVerdict]) -> tuple[Window, ...]:
    """Return every stretch of bad versions among those that were tested, oldest first.

    Versions in between that could not be tested, or were undecided, end no stretch.
    """
    found: list[Window] = []
    good, bad = "", list[str]()
    for version in versions:
        match marks.get(version):
            case StepVerdict.GOOD:
                if bad:
                    found.append(Window(last_good=good, first_bad=bad[0], last_bad=bad[-1], fixed_in=version))
                good, bad = version, []
            case StepVerdict.BAD:
                bad.append(version)
    if bad:
        found.append(Window(last_good=good, first_bad=bad[0], last_bad=bad[-1], fixed_in=None))
    return tuple(found)
