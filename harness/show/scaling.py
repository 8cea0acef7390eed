"""Word how models scale: a section each for threads and batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness.core.scaling import BatchCurve, Scaling, ThreadCurve
from harness.core.units import format_seconds, format_value
from harness.show.sections import Entry, Section


def scaling_sections(found: Scaling) -> Iterator[Section]:
    """Give a section an axis that has curves."""
    if found.threads:
        yield Section("Scaling over threads", tuple(map(_threads, found.threads)))
    if found.batches:
        yield Section("Scaling over the batch", tuple(map(_batches, found.batches)))


def _name(model: str, where: Mapping[str, str]) -> str:
    return "/".join((model, *(f"{axis}={value}" for axis, value in where.items())))


def _threads(curve: ThreadCurve) -> Entry:
    first = curve.points[0].threads
    lines = []
    for point in curve.points:
        cpu = "" if point.cpu_s is None else f", processor time {format_seconds(point.cpu_s)} a call"
        lines.append(
            f"{point.threads}: {format_seconds(point.seconds)}, {point.speedup:.2f}× of at most "
            f"{point.threads / first:.3g}×, efficiency {point.efficiency:.0%}{cpu}"
        )
    lines.append(
        f"serial share {curve.serial_share:.0%} by Amdahl's law (95%: {curve.serial_low:.0%} to "
        f"{curve.serial_high:.0%})"
    )
    best = (
        f"fastest with {curve.best_threads}"
        if curve.loses_after is None
        else f"more than {curve.loses_after} lose"
    )
    return Entry(f"{_name(curve.model, curve.where)}: {best}", tuple(lines))


def _batches(curve: BatchCurve) -> Entry:
    lines = [
        f"{point.batch}: {format_seconds(point.seconds)}, {format_value(point.samples_per_s, 'samples/s')}"
        for point in curve.points
    ]
    lines.append(_bound(curve))
    enough = "" if curve.enough_batch == curve.best_batch else f"; {curve.enough_batch} is within 5% of it"
    best = f"most samples a second (batch over p50) with {curve.best_batch}{enough}"
    return Entry(f"{_name(curve.model, curve.where)}: {best}", tuple(lines))


def _bound(curve: BatchCurve) -> str:
    """Say what sets the time of a call, as far as the readings tell."""
    if curve.erratic:
        return "time grows with the batch and then does not: these readings do not tell what it is bound by"
    if curve.turns_at is not None:
        return f"from {curve.turns_at} on, time grows with the batch: bound by computing"
    return (
        "time does not grow with the batch yet: bound by what every call reads and starts, and a larger one "
        "costs little"
    )
