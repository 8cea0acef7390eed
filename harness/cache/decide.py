"""Which folders of the cache are to go."""

from __future__ import annotations

from collections.abc import Iterable

from harness.cache.model import Kept


def choose(
    contents: Iterable[Kept], now: float, older_than_s: float | None, larger_than_bytes: int | None
) -> tuple[Kept, ...]:
    """Return what meets every condition given, the largest first."""
    chosen = [
        item
        for item in contents
        if (older_than_s is None or now - item.used_at > older_than_s)
        and (larger_than_bytes is None or item.size_bytes > larger_than_bytes)
    ]
    return tuple(sorted(chosen, key=lambda item: -item.size_bytes))


def in_use(used_at: float, oldest_job: float | None) -> bool:
    """Return whether a running job may use it: one that began before it was used last."""
    return oldest_job is not None and used_at >= oldest_job
