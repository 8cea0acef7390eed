"""The parent's side of a build: what determines an artifact's bytes, and where they are kept.

An artifact of another precision or format is made of the FP32 .onnx artifact
of the same model, exporter and opset, which is kept as well: it is the reference
that accuracy is judged against.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.build import cache, process
from harness.build.data import load_data
from harness.build.precisions import Precision
from harness.build.sources import Asked
from harness.build.versions import own_code, versions
from harness.core.artifact import Built
from harness.core.case import FP32, Artifact, thaw
from harness.core.errors import CaseError, Failed, HarnessError, Unsupported
from harness.core.feeds import with_overrides
from harness.core.plugins import PRECISIONS, SOURCES
from harness.core.registry import closest

KIND = "artifacts"
RANDOM_SAMPLES = 16
"""Random feeds that a model without data is calibrated with."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One artifact in the cache; `damage` is empty where its files are as they were written."""

    key: str
    folder: Path
    built: Built | None
    damage: str


def build(
    artifact: Artifact, cache_dir: Path, timeout_s: float = process.TIMEOUT_S, run: process.Run = process.run
) -> Built:
    """Return `artifact`, built or from the cache; each step after the source may take `timeout_s`.

    Raises Unsupported where it cannot be had as asked for, Failed where
    something broke, InputError where the cache cannot be written.
    """
    try:
        built = _follow(_Line(cache_dir, timeout_s, run), artifact)
    except OSError as error:
        raise Failed(f"{error.filename or cache_dir}: {error.strerror or error}") from error
    return replace(built, inputs=with_overrides(built.inputs, thaw(artifact.model.inputs)))


def identify(artifacts: Iterable[Artifact]) -> list[str]:
    """Identify the bytes of each artifact without making it; else say why it cannot be made.

    Of what a torch module reads, it knows what lies beside the module: the rest
    is known once it is built.
    """
    sources: dict[Hashable, str] = {}
    return [_identity(artifact, sources) for artifact in artifacts]


def _identity(artifact: Artifact, sources: dict[Hashable, str]) -> str:
    key = artifact.model.source, artifact.exporter, artifact.opset
    try:
        if key not in sources:
            sources[key] = cache.digest(_source_recipe(artifact))
        parts = {"source": sources[key], "format": artifact.format, "versions": versions("onnxruntime")}
        if artifact.precision.kind in PRECISIONS:
            parts["precision"] = _precision_recipe(artifact)
        return cache.digest({**parts, "code": own_code()})
    except (CaseError, OSError) as error:
        return str(error)


def fp32_reference(artifact: Artifact, built: Built) -> Artifact:
    """Return the FP32 artifact that `built` is compared with: same model and exporter, opset as built."""
    same = replace(artifact, precision=FP32, format="onnx")
    if built.provenance.get("base", {}).get("opset", built.opset) == built.opset:
        return same
    return replace(same, opset=built.opset)  # quantization raised it


def list_cache(cache_dir: Path) -> list[Stored]:
    """Return every artifact in the cache, oldest first, each file hashed anew."""
    found = []
    for folder in cache.entries(cache_dir, KIND):
        built, damage = None, cache.verify(folder)
        if not damage:
            try:
                built = _built(cache.read(folder))
            except (KeyError, TypeError):
                damage = "written by another version of the harness"
        found.append(Stored(folder.name, folder, built, damage))
    return found


def _follow(line: _Line, artifact: Artifact) -> Built:
    built = line.take_source(artifact)
    if built.engine == "fake":  # it is a stand-in for whatever the suite names
        return replace(built, precision=artifact.precision.kind)
    if artifact.precision.kind != FP32.kind:
        built = line.convert(artifact, built)
    if artifact.format != "onnx":
        built = line.reformat(built)
    return built


@dataclass(frozen=True, slots=True)
class _Line:
    """The steps, each answered from the cache where it was taken before."""

    cache_dir: Path
    timeout_s: float
    run: process.Run

    def take_source(self, artifact: Artifact) -> Built:
        """Write the FP32 model at the opset asked for."""
        return self._step(_source_recipe(artifact), options=thaw(artifact.model.source.options))

    def convert(self, artifact: Artifact, base: Built) -> Built:
        """Convert to another precision."""
        name, kind = artifact.precision.name, artifact.precision.kind
        if kind not in PRECISIONS:
            raise Failed(f"unknown precision {kind!r}: {closest(kind, PRECISIONS)}")
        if base.precision != "fp32":
            raise Unsupported(f"asked for {name}; the source is {base.precision} already")
        precision: Precision = PRECISIONS.resolve(kind)
        feeds = _calibration(artifact, self.cache_dir) if precision.calibrated else {}
        return self._step(
            {**_precision_recipe(artifact), "calibration": feeds.get("identity")}, base, feeds=feeds
        )

    def reformat(self, base: Built) -> Built:
        """Convert to ONNX Runtime's own format."""
        return self._step({"step": "format", "versions": versions("onnxruntime")}, base)

    def _step(self, recipe: Mapping[str, Any], base: Built | None = None, **where: Any) -> Built:
        """Take one step in a process of its own; `where` holds what does not change the bytes."""
        if base is not None:
            recipe = {**recipe, "base": base.sha256, "of": dict(base.provenance)}
            where |= {"built": base.to_json()}

        def make(folder: Path) -> Mapping[str, Any]:
            return self.run({**recipe, **where, "target": str(folder)}, self.timeout_s)

        return _built(cache.fetch(self.cache_dir, KIND, {**recipe, "code": own_code()}, make))


def _source_recipe(artifact: Artifact) -> dict[str, Any]:
    """Return what the FP32 model is made from. Raises CaseError, OSError."""
    source, asked = artifact.model.source, Asked(artifact.exporter, artifact.opset)
    if source.kind not in SOURCES:
        raise Failed(f"unknown source {source.kind!r}: {closest(source.kind, SOURCES)}")
    kind = SOURCES.resolve(source.kind)
    try:
        identity = kind.identify(thaw(source.options), asked)
        cache.digest({"identity": identity})  # it must be plain data
    except (HarnessError, OSError):
        raise
    except Exception as error:  # a source may be another package's
        problem = f"{type(error).__name__}: {error}"
        raise Failed(f"source {source.kind!r} cannot name what it is made from: {problem}") from error
    return {"step": "source", "source": source.kind, "asked": asdict(asked), "identity": identity}


def _precision_recipe(artifact: Artifact) -> dict[str, Any]:
    """Return how a model is converted to its precision, what it is calibrated with aside."""
    name, kind = artifact.precision.name, artifact.precision.kind
    precision: Precision = PRECISIONS.resolve(kind)
    return {
        "step": "precision",
        "precision": kind,
        "options": precision.complete(name, thaw(artifact.precision.options)),
        "opset": artifact.opset,
        "versions": versions(*precision.packages),
    }


def _calibration(artifact: Artifact, cache_dir: Path) -> dict[str, Any]:
    """Return what a model is calibrated with, by content (`identity`) and where it lies."""
    model = artifact.model
    shared = {"shapes": thaw(model.shapes), "batch_dim": model.batch_dim, "inputs": thaw(model.inputs)}
    if model.data is None or model.data.calibration == 0:
        return {"identity": {**shared, "random": {"seed": 0, "samples": RANDOM_SAMPLES}}}
    data = load_data(model.data, cache_dir)
    return {"identity": {**shared, "data": data.name, "sha256": data.sha256}, "path": data.calibration}


def _built(entry: cache.CacheEntry) -> Built:
    content = {key: value for key, value in entry.content.items() if key != "reads"}
    path = entry.folder / content.pop("file")
    return Built.from_json(
        {**content, "path": str(path), "sha256": entry.sha256, "size_bytes": entry.size_bytes}
    )
