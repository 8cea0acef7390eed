"""The parent's side of a build: what determines an artifact's bytes, and where they are kept.

An artifact of another precision or format is made of the FP32 .onnx artifact
of the same model, exporter and opset, which is kept as well: it is the reference
that accuracy is judged against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.build import cache, process
from harness.build.data import identify_data, load_data
from harness.build.origin import own_data, resolve_origin
from harness.build.precisions import Precision
from harness.build.sources import Asked
from harness.build.versions import own_code, versions
from harness.core.artifact import Built, Dataset
from harness.core.case import CURRENT, FP32, NO_CONVERTER, NO_OPTIMIZER, Artifact, DataRef, Named, thaw
from harness.core.errors import CaseError, Failed, HarnessError, Unsupported
from harness.core.feeds import with_overrides
from harness.core.plugins import PRECISIONS, SOURCES
from harness.core.registry import closest
from harness.core.tools import TOOLS, Tool
from harness.core.vocabulary import OPTIMIZERS
from harness.install import ensure, parse
from harness.install.installer import Installer, pip_install

KIND = "artifacts"
_AS_THE_SOURCE: Mapping[str, Any] = {
    "precision": FP32,
    "format": "onnx",
    "optimizer": NO_OPTIMIZER,
    "quantizer": CURRENT,
}
"""The axes of what other artifacts are made of."""

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
    artifact: Artifact,
    cache_dir: Path,
    timeout_s: float = process.TIMEOUT_S,
    run: process.Run = process.run,
    install: Installer = pip_install,
) -> Built:
    """Return `artifact`, built or from the cache; each step after the source may take `timeout_s`.

    What converts it is installed where it is needed and absent. Raises Unsupported
    where it cannot be had as asked for, Failed where something broke, InputError
    where the cache cannot be written.
    """
    try:
        built = _follow(_Line(cache_dir, timeout_s, run, install), artifact)
    except OSError as error:
        raise Failed(f"{error.filename or cache_dir}: {error.strerror or error}") from error
    return replace(built, inputs=with_overrides(built.inputs, thaw(artifact.model.inputs)))


def identify(artifacts: Iterable[Artifact]) -> list[str]:
    """Identify the bytes of each artifact without making it; else say why it cannot be made.

    Of what a torch module reads, it knows what lies beside the module: the rest
    is known once it is built.
    """
    sources: dict[Artifact, str] = {}
    return [_identity(artifact, sources) for artifact in artifacts]


def _identity(artifact: Artifact, sources: dict[Artifact, str]) -> str:
    key = replace(artifact, **_AS_THE_SOURCE)
    try:
        if key not in sources:
            sources[key] = cache.digest(_source_recipe(artifact))
        parts = {"source": sources[key], "format": artifact.format, "versions": versions("onnxruntime")}
        if artifact.model.cut:
            parts["cut"] = _cut_recipe(artifact)
        if artifact.optimizer != NO_OPTIMIZER:
            parts["optimizer"] = _optimizer_recipe(artifact)
        if artifact.precision.kind in PRECISIONS:
            parts["precision"] = _precision_recipe(artifact)
        return cache.digest({**parts, "code": own_code()})
    except (CaseError, OSError) as error:
        return str(error)


def fp32_reference(artifact: Artifact, built: Built) -> Artifact:
    """Return the FP32 artifact that `built` is compared with: same model and exporter, opset as built.

    It is the model as the source has it, optimized by nothing.
    """
    same = replace(artifact, **_AS_THE_SOURCE)
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
    if artifact.model.cut:
        built = line.cut(artifact, built)
    origin = built.origin  # of the FP32 file: what is made of it has the same original
    if artifact.optimizer != NO_OPTIMIZER:
        built = line.optimize(artifact, built)
    if artifact.precision.kind != FP32.kind:
        built = line.convert(artifact, built)
    if artifact.format != "onnx":
        built = line.reformat(built)
    return replace(built, origin=origin)


@dataclass(frozen=True, slots=True)
class _Line:
    """The steps, each answered from the cache where it was taken before."""

    cache_dir: Path
    timeout_s: float
    run: process.Run
    install: Installer

    def take_source(self, artifact: Artifact) -> Built:
        """Write the FP32 model at the opset asked for."""
        recipe = _source_recipe(artifact)
        tool = _tool(artifact)

        def where() -> dict[str, Any]:
            found: dict[str, Any] = {"options": thaw(artifact.model.source.options), "rows": recipe["rows"]}
            if recipe["rows"] and artifact.model.data is not None:
                data = load_data(artifact.model.data, self.cache_dir)
                found["rows"] = {**recipe["rows"], "path": str(Path(data.evaluation).absolute())}
            if tool is not None:
                found["tool"] = self._installed(tool)
            return found

        return self._step(recipe, where=where)

    def cut(self, artifact: Artifact, base: Built) -> Built:
        """Take the part of it that the suite names, with what it is fed where there is data."""
        data = _data(artifact, base, self.cache_dir)
        recipe = {
            **_cut_recipe(artifact),
            "data": data and [data.name, data.sha256],
            "versions": versions("onnx", "onnxruntime"),
        }

        def where() -> dict[str, Any]:
            if data is None:
                return {"data": None}
            paths = {"calibration": data.calibration, "evaluation": data.evaluation}
            return {"data": {"name": data.name, "batch_dim": artifact.model.batch_dim, **paths}}

        return self._step(recipe, base, where)

    def optimize(self, artifact: Artifact, base: Built) -> Built:
        """Let an optimizer rewrite the graph."""
        tool = _optimizer_tool(artifact)

        def where() -> dict[str, Any]:
            return {"tool": self._installed(tool) if tool else None}

        return self._step(_optimizer_recipe(artifact), base, where)

    def convert(self, artifact: Artifact, base: Built) -> Built:
        """Convert to another precision."""
        name, kind = artifact.precision.name, artifact.precision.kind
        if kind not in PRECISIONS:
            raise Failed(f"unknown precision {kind!r}: {closest(kind, PRECISIONS)}")
        precision: Precision = PRECISIONS.resolve(kind)
        if base.precision != "fp32":
            raise Unsupported(f"asked for {name}; {_no_fp32(base.precision, precision.reads_back)}")
        recipe = _precision_recipe(artifact)
        calibrated = precision.takes_feeds(recipe["options"])
        if calibrated and not base.inputs:
            raise Unsupported(f"{name} is calibrated on what is fed, and the model has no inputs")
        feeds = _calibration(artifact, base, self.cache_dir) if calibrated else {}
        recipe = {**recipe, "calibration": feeds.get("identity")}

        def where() -> dict[str, Any]:
            if artifact.quantizer == CURRENT:
                return {"feeds": feeds}
            installed = ensure(parse(artifact.quantizer), self.cache_dir, self.install)
            return {"feeds": feeds, process.FIRST: installed.path}

        return self._step(recipe, base, where)

    def reformat(self, base: Built) -> Built:
        """Convert to ONNX Runtime's own format."""
        return self._step({"step": "format", "versions": versions("onnxruntime")}, base)

    def _installed(self, tool: Tool) -> dict[str, Any]:
        """Install a tool where it is absent; say what it is and where. Raises CaseError."""
        installed = ensure(tool, self.cache_dir, self.install)
        return {**tool.to_json(), "path": installed.path, "packages": dict(installed.packages)}

    def _step(
        self, recipe: Mapping[str, Any], base: Built | None = None, where: Callable[[], dict[str, Any]] = dict
    ) -> Built:
        """Take one step in a process of its own; `where` gives what does not change the bytes."""
        known: dict[str, Any] = {}
        if base is not None:
            recipe = {**recipe, "base": base.sha256, "of": dict(base.provenance)}
            known = {"built": base.to_json()}

        def make(folder: Path) -> Mapping[str, Any]:
            return self.run({**recipe, **known, **where(), "target": str(folder)}, self.timeout_s)

        return _built(cache.fetch(self.cache_dir, KIND, {**recipe, "code": own_code()}, make))


def _no_fp32(precision: str, wanted: str) -> str:
    """Say why a file of another precision than FP32 is not converted to the one `wanted`."""
    if precision in ("fp64", "fp16") and precision != wanted:
        return f"the source computes in {precision}, and conversions start from FP32: export it in float32"
    return f"the source is {precision} already"


def _source_recipe(artifact: Artifact) -> dict[str, Any]:
    """Return what the FP32 model is made from. Raises CaseError, OSError."""
    source, asked, kind = artifact.model.source, _asked(artifact), _kind(artifact)
    try:
        identity = kind.identify(thaw(source.options), asked)
        cache.digest({"identity": identity})  # it must be plain data
    except (HarnessError, OSError):
        raise
    except Exception as error:  # a source may be another package's
        problem = f"{type(error).__name__}: {error}"
        raise Failed(f"source {source.kind!r} cannot name what it is made from: {problem}") from error
    tool = _tool(artifact)
    return {
        "step": "source",
        "source": source.kind,
        "asked": asked.identity,
        "identity": identity,
        "needs": tool.to_json() if tool else None,
        "rows": _rows(artifact) if getattr(kind, "answers", False) else None,
    }


def _kind(artifact: Artifact) -> Any:
    """Return what makes an artifact's model. Raises Failed where nothing is known by that name."""
    kind = artifact.model.source.kind
    if kind not in SOURCES:
        raise Failed(f"unknown source {kind!r}: {closest(kind, SOURCES)}")
    return SOURCES.resolve(kind)


def _asked(artifact: Artifact) -> Asked:
    converter = artifact.converter if artifact.converter != NO_CONVERTER else None
    packages = thaw(converter.options).get("packages", ()) if converter and converter.options else ()
    exporter = artifact.exporter
    return Asked(
        exporter.kind if isinstance(exporter, Named) else exporter,
        artifact.opset,
        converter.kind if converter else None,
        tuple(packages),
        exporter_options=thaw(exporter.options) if isinstance(exporter, Named) else {},
    )


def _tool(artifact: Artifact) -> Tool | None:
    """Return the tool that the source is converted by; None where it needs none. Raises Unsupported."""
    asked, kind = _asked(artifact), _kind(artifact)
    if hasattr(kind, "tool"):
        tool: Tool = kind.tool(thaw(artifact.model.source.options), asked)
        return tool
    if asked.converter is not None:
        source = artifact.model.source.kind
        raise Unsupported(f"converter {asked.converter!r}: no tool converts a source of kind {source}")
    return None


def _rows(artifact: Artifact) -> dict[str, Any]:
    """Return which rows the original answers: those of the data, else random ones, or its own."""
    model = artifact.model
    shared = {"shapes": thaw(model.shapes), "batch_dim": model.batch_dim, "inputs": thaw(model.inputs)}
    return {
        **{key: value or {} if key != "batch_dim" else value for key, value in shared.items()},
        "data": identify_data(model.data) if model.data else None,
        "calibration": model.data.calibration if model.data else DataRef("", "").calibration,
    }


def _optimizer_recipe(artifact: Artifact) -> dict[str, Any]:
    """Return how a model is optimized. Raises Failed."""
    tool = _optimizer_tool(artifact)
    return {
        "step": "optimizer",
        "optimizer": artifact.optimizer.kind.partition("==")[0],
        "options": thaw(artifact.optimizer.options) or {},
        "needs": tool.to_json() if tool else None,
        "versions": versions("onnx", "onnxruntime"),
    }


def _optimizer_tool(artifact: Artifact) -> Tool | None:
    """Return the tool that optimizes; None where ONNX Runtime does. Raises Failed."""
    name, _, version = artifact.optimizer.kind.partition("==")
    if name not in OPTIMIZERS:
        raise Failed(f"unknown optimizer {name!r}: {closest(name, OPTIMIZERS)}")
    if name not in TOOLS:
        return None
    return TOOLS[name].with_version(version) if version else TOOLS[name]


def _cut_recipe(artifact: Artifact) -> dict[str, Any]:
    return {"step": "part", "cut": thaw(artifact.model.cut), "output": artifact.model.output}


def _data(artifact: Artifact, whole: Built, cache_dir: Path) -> Dataset | None:
    """Return what the whole model is fed: the suite's data, else the source's own."""
    ref = artifact.model.data
    return load_data(ref, cache_dir) if ref is not None else own_data(whole)


def _precision_recipe(artifact: Artifact) -> dict[str, Any]:
    """Return how a model is converted to its precision, what it is calibrated with aside."""
    name, kind = artifact.precision.name, artifact.precision.kind
    precision: Precision = PRECISIONS.resolve(kind)
    known = versions(*precision.packages)
    if artifact.quantizer != CURRENT:
        if "onnxruntime" not in known:
            raise Unsupported(f"quantizer {artifact.quantizer}: ONNX Runtime does not convert to {name}")
        known["onnxruntime"] = parse(artifact.quantizer).version
    return {
        "step": "precision",
        "precision": kind,
        "options": precision.complete(name, thaw(artifact.precision.options)),
        "opset": artifact.opset,
        "quantizer": None if artifact.quantizer == CURRENT else artifact.quantizer,
        "versions": known,
    }


def _calibration(artifact: Artifact, base: Built, cache_dir: Path) -> dict[str, Any]:
    """Return what a model is calibrated with, by content (`identity`) and where it lies."""
    model = artifact.model
    shared = {"shapes": thaw(model.shapes), "batch_dim": model.batch_dim, "inputs": thaw(model.inputs)}
    if (model.data is None or model.cut) and (own := own_data(base)):
        return {"identity": {**shared, "data": own.name, "sha256": own.sha256}, "path": own.calibration}
    if model.data is None or model.data.calibration == 0:
        return {"identity": {**shared, "random": {"seed": 0, "samples": RANDOM_SAMPLES}}}
    data = load_data(model.data, cache_dir)
    return {"identity": {**shared, "data": data.name, "sha256": data.sha256}, "path": data.calibration}


def _built(entry: cache.CacheEntry) -> Built:
    content = {key: value for key, value in entry.content.items() if key != "reads"}
    path = entry.folder / content.pop("file")
    if content.get("origin"):
        content["origin"] = resolve_origin(content["origin"], entry.folder)
    return Built.from_json(
        {**content, "path": str(path), "sha256": entry.sha256, "size_bytes": entry.size_bytes}
    )
