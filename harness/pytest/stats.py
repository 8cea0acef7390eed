"""What `onnx_bench` returns: one record, its numbers within reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.core.metrics import HEADLINE, spec_of
from harness.core.record import Metric, Record
from harness.core.registry import closest
from harness.core.units import format_value


class NoValueError(LookupError):
    """A number that is not there; the message says why. Never None, which compares with nothing."""


@dataclass(frozen=True, slots=True, repr=False)
class Stats:
    """The numbers of one measured case, in seconds, bytes and ratios.

    What has a name below is a float; `stats["memory/arena_peak"]` is any
    metric by its own name. Both raise NoValueError where it was not measured,
    or where the calls were too few for it. `stats.metrics` holds all of them
    with intervals and reasons, `stats.record` everything that is known.
    """

    record: Record

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """Every metric by name, with its unit, interval and, where it has no value, the reason."""
        return self.record.metrics

    def __getitem__(self, name: str) -> float:
        """Return a metric's value. Raises NoValueError."""
        __tracebackhide__ = True
        metric = self.metrics.get(name)
        if metric is None:
            raise NoValueError(f"{self.record.case} has no {name}: {closest(name, self.metrics)}")
        if metric.value is None:
            longer = "; measure longer with seconds=" if spec_of(name).follows_calls else ""
            raise NoValueError(f"{self.record.case} has no {name}: {metric.reason}{longer}")
        return metric.value

    @property
    def p50(self) -> float:
        """The median latency of a call, in seconds."""
        return self[HEADLINE]

    @property
    def p90(self) -> float:
        """The latency that 90% of the calls stay below, in seconds; needs 64 calls."""
        return self["latency/p90"]

    @property
    def p95(self) -> float:
        """The latency that 95% of the calls stay below, in seconds; needs 130 calls."""
        return self["latency/p95"]

    @property
    def p99(self) -> float:
        """The latency that 99% of the calls stay below, in seconds; needs 662 calls."""
        return self["latency/p99"]

    @property
    def mean(self) -> float:
        """The mean latency of a call, in seconds."""
        return self["latency/mean"]

    @property
    def throughput(self) -> float:
        """Samples a second."""
        return self["throughput/samples_per_s"]

    @property
    def session(self) -> float:
        """How long it took to create the session, in seconds."""
        return self["startup/session"]

    @property
    def first_call(self) -> float:
        """The latency of the first call, in seconds."""
        return self["startup/first_call"]

    @property
    def peak_memory(self) -> float:
        """The most memory that the process held while it ran the model, in bytes."""
        return self["memory/peak"]

    @property
    def model_size(self) -> float:
        """The size of the model on disk, in bytes."""
        return self["model/size"]

    @property
    def top1(self) -> float:
        """The share of labelled samples that the model gets right; needs `data` with labels."""
        return self["accuracy/top1"]

    @property
    def top1_delta(self) -> float:
        """`top1` less that of the FP32 model, as a ratio."""
        return self["accuracy/top1_delta"]

    @property
    def agreement(self) -> float:
        """The share of samples on which the model and its FP32 reference decide alike."""
        return self["accuracy/agreement"]

    def __repr__(self) -> str:
        """Name the case and its latencies, as a failed assertion shows them."""
        shown = (self.metrics.get(f"latency/{name}") for name in ("p50", "p95", "p99"))
        numbers = [
            "none" if metric is None or metric.value is None else format_value(metric.value, metric.unit)
            for metric in shown
        ]
        return f"<{self.record.case}: p50 {numbers[0]}, p95 {numbers[1]}, p99 {numbers[2]}>"
