"""What a worker is asked to do, in full: written to a file that the worker reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.core.inputs import Input
from harness.core.sampling import Sampling
from harness.measure.cores import Cores


@dataclass(frozen=True, slots=True)
class Request:
    """One case for one worker."""

    case: str  # the case's key
    engine: str  # "module:class", so that a worker looks nothing up
    path: str  # the model, absolute
    inputs: tuple[Input, ...]
    session: Mapping[str, Any]  # provider, provider_options, graph_opt, ..., config
    load: Mapping[str, Any]  # batch, shapes, batch_dim, io
    sampling: Sampling
    passes: tuple[str, ...]
    distinct: int  # inputs in rotation
    seed: int
    rows: int  # samples evaluated in the outputs pass, at most
    cores: Cores
    data: str | None = None  # .npz; None: seeded random rows
    data_name: str | None = None  # the file that it was split from, for errors
    runtime_path: str | None = None  # folder that goes first on the worker's path
    runtime_version: str | None = None  # which version must be found there
    channel: int | None = None  # the inherited socket on which slices are asked for
    telemetry: bool = False  # leave the runtime's telemetry as it is
    custom_domains: tuple[str, ...] = ()  # of operators that the runtime does not bring
    precision: str = ""  # of the file, as read back
    start_cores: tuple[int, ...] = ()  # where it runs until the runtime is imported; empty: on its own

    def to_json(self) -> dict[str, Any]:
        """Plain data for the request's file."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Request:
        """Inverse of `to_json`."""
        cores = data["cores"]
        return Request(
            **{
                **data,
                "inputs": tuple(Input.from_json(item) for item in data["inputs"]),
                "sampling": Sampling(**data["sampling"]),
                "passes": tuple(data["passes"]),
                "start_cores": tuple(data["start_cores"]),
                "custom_domains": tuple(data["custom_domains"]),
                "cores": Cores(
                    **{**cores, **{name: tuple(cores[name]) for name in ("worker", "parent", "notes")}}
                ),
            }
        )
