"""What is kept of a profile beside the runs: the operators of one case, and what exactly they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.core.record import Record
from harness.profile.model import Bandwidth, Bound, Kernel, ProfileRow, Roofs

ALIASES = ("runtime", "alias")
"""Of a session: names of a runtime, which mean another one by and by; the one that ran is kept instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProfile:
    """Where the time of a case goes, by operator."""

    profiled_at: str  # ISO, UTC
    p50_s: float  # of a call without a profile, in the same worker
    operators: tuple[ProfileRow, ...]  # the longest first
    roofs: Roofs | None = None

    @property
    def nodes_s(self) -> float:
        """All nodes together, the profile's own part taken off."""
        return sum(row.own_s for row in self.operators)

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @staticmethod
    def from_json(kept: Mapping[str, Any]) -> StoredProfile:
        """Inverse of `to_json`. Raises ValueError, KeyError, TypeError."""
        roofs = kept["roofs"]
        return StoredProfile(
            **{
                **kept,
                "operators": tuple(map(_row, kept["operators"])),
                "roofs": None if roofs is None else roofs_from_json(roofs),
            }
        )


def identity(
    *,
    model_sha256: str,
    session: Mapping[str, Any],
    load: Mapping[str, Any],
    runtime: str,
    machine: str,
    cores: int,
) -> dict[str, Any]:
    """Say what a profile is of: the file, session and load as asked, the runtime that ran, the machine."""
    return {
        "model_sha256": model_sha256,
        "session": {key: value for key, value in session.items() if key not in ALIASES},
        "load": dict(load),
        "runtime": runtime,
        "machine": machine,
        "cores": cores,
    }


def identity_of(record: Record) -> dict[str, Any] | None:
    """Say which profile is of the case of a record; None where nothing ran."""
    if not record.runtime or not record.model_sha256 or "session" not in record.asked:
        return None
    return identity(
        model_sha256=record.model_sha256,
        session=record.asked["session"],
        load=record.load,
        runtime=str(record.runtime),
        machine=record.machine,
        cores=len(record.cores),
    )


def roofs_from_json(kept: Mapping[str, Any]) -> Roofs:
    """Inverse of ``asdict``. Raises ValueError, KeyError, TypeError."""
    return Roofs(
        **{
            **kept,
            "cores": tuple(kept["cores"]),
            "flops_per_s": {Kernel(name): value for name, value in kept["flops_per_s"].items()},
            "bandwidths": tuple(Bandwidth(**each) for each in kept["bandwidths"]),
            "missing": {Kernel(name): why for name, why in kept["missing"].items()},
        }
    )


def _row(kept: Mapping[str, Any]) -> ProfileRow:
    bound = kept["bound"]
    texts = {name: tuple(kept[name]) for name in ("inputs", "outputs")}
    return ProfileRow(**{**kept, **texts, "bound": None if bound is None else Bound(bound)})
