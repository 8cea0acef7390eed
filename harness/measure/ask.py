"""Put together what a worker is asked to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.core.artifact import Built
from harness.core.case import Case, thaw
from harness.core.feeds import with_overrides
from harness.core.passes import PASSES
from harness.core.registry import Registry
from harness.core.sampling import Sampling
from harness.core.suite import Measure
from harness.measure.cores import Cores
from harness.measure.worker.request import Request

ENGINES = Registry(
    "engine",
    {
        "ort": "harness.measure.worker.ort:OrtEngine",
        "fake": "harness.measure.worker.fake:FakeEngine",
    },
    group="harness.engines",
)
"""What runs a model: subclasses of `harness.measure.worker.engine.Engine`."""


def request(
    case: Case,
    built: Built,
    sampling: Sampling,
    measure: Measure,
    *,
    data: str | None = None,
    data_name: str | None = None,
    passes: Sequence[str],
    cores: Cores,
    runtime_path: str | None = None,
    runtime_version: str | None = None,
) -> Request:
    """Put together what a worker needs to measure `case` from the file that was built for it.

    Raises NotFoundError for an unknown engine, Failed where the suite's
    ``inputs:`` name one that the model does not have.
    """
    engine = ENGINES.resolve(built.engine)
    model = case.artifact.model
    return Request(
        case=case.key,
        engine=f"{engine.__module__}:{engine.__qualname__}",
        path=str(Path(built.path).absolute()),
        inputs=with_overrides(built.inputs, thaw(model.inputs)),
        session=_session(case),
        load={
            **case.load.settings,
            "shapes": {**thaw(model.shapes), **thaw(case.load.shapes.options)},
            "batch_dim": model.batch_dim,
        },
        sampling=sampling,
        passes=tuple(row.name for row in PASSES if row.name in passes),
        distinct=measure.inputs,
        seed=measure.seed,
        rows=measure.accuracy_samples if data else measure.drift_samples,
        cores=cores,
        data=str(Path(data).absolute()) if data else None,
        data_name=data_name,
        runtime_path=runtime_path,
        runtime_version=runtime_version,
        telemetry=measure.telemetry,
        precision=built.precision,
        custom_domains=built.custom_domains,
    )


def _session(case: Case) -> dict[str, Any]:
    session, settings = case.session, case.session.settings
    del settings["runtime"]  # the worker is started in it
    return {
        "provider": session.provider.kind,
        "provider_options": thaw(session.provider.options),
        **settings,
        "config": thaw(session.config.options),
        "custom_ops": thaw(session.custom_ops),
    }
