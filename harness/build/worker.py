"""The process in which one step of a build runs: reads a request, leaves files and an answer.

A process of its own, so that a converter that crashes, hangs or prints is one
failed record, and so that torch never enters the process that measures.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import chdir
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.build import files, ort_format, part, repair, unconverted
from harness.build.calibration import calibrate
from harness.build.check import check, first_line
from harness.build.data import split_file
from harness.build.optimizers import offline
from harness.build.precisions import Precision
from harness.build.process import answer, run_tool
from harness.build.reading import Reading, custom_domains, read_onnx, walk
from harness.build.sources import Asked, Written
from harness.core.artifact import Built
from harness.core.errors import Failed, HarnessError, Unsupported
from harness.core.inputs import Input
from harness.core.plugins import PRECISIONS, SOURCES

if TYPE_CHECKING:
    import onnx

Content = dict[str, Any]
"""What is kept of an artifact beside its files: `Built` without path, hash and size."""


def main(folder: Path) -> None:
    """Run ``request.json`` in `folder` and write ``answer.json``."""
    answer(folder, lambda request: STEPS[request["step"]](request, Path(request["target"])))


def take_source(request: Mapping[str, Any], target: Path) -> Content:
    """Write a source's model, and see that it has the opset that was asked for."""
    asked = Asked(**request["asked"], tool=request.get("tool"), rows=request.get("rows"))
    written: Written = SOURCES.resolve(request["source"]).write(request["options"], asked, target)
    provenance = {
        "source": {"kind": request["source"], **request["identity"]},
        "exporter": asked.exporter,
        **({"exporter_options": dict(asked.exporter_options)} if asked.exporter_options else {}),
        "opset_asked": asked.opset,
        **({"converter": converter_facts(asked)} if asked.tool else {}),
        **written.provenance,
    }
    reading, notes = written.reading, written.notes
    if reading is None:
        if request["source"] in SOURCES.builtin and request["source"] != "onnx":
            files.lower_ir(target / written.file)
        maker = asked.exporter or request["source"]
        reading, complaints = check_and_read(target / written.file, asked.opset, f"{maker} gave")
        notes = (*notes, *complaints)
        if reading.precision != "fp32":
            notes = (*notes, f"the source is {reading.precision} as it is")
    return {
        **content(written.file, reading, provenance, notes, written.engine),
        "random_weights": written.random_weights,
        "reads": dict(written.reads),
        "origin": dict(written.origin),
    }


def converter_facts(asked: Asked) -> Content:
    """Say which tool converted, as asked for and as installed, and all that lay beside it."""
    tool = asked.tool or {}
    return {key: tool[key] for key in ("requirement", "beside", "packages")}


def take_part(request: Mapping[str, Any], target: Path) -> Content:
    """Cut a part out of a model; where there is data, record what the part is fed."""
    base, data = Built.from_json(request["built"]), request["data"]
    path = target / files.MODEL
    origin: Content = {}
    recorded: tuple[str, ...] = ()
    made = part.write(Path(base.path), request["cut"], path)
    files.lower_ir(path)
    reading, complaints = check_and_read(path, base.opset, "the part has")
    if data is not None:
        origin, recorded = part.record(base, made, data, request["output"], target)
        origin["counts"] = base.counts if base.counts in reading.outputs else ""
    reading = replace(reading, inputs=tuple(carry_hint(item, base) for item in reading.inputs))
    cut = {"inputs": [item.name for item in reading.inputs], "outputs": list(reading.outputs)}
    provenance = {**base.provenance, "cut": {"asked": request["cut"], "of": base.sha256, **cut}}
    notes = (*base.notes, *complaints, *recorded)
    made_of = content(files.MODEL, reading, provenance, notes, base.engine)
    return {**made_of, "random_weights": base.random_weights, "origin": origin}


def optimize(request: Mapping[str, Any], target: Path) -> Content:
    """Let an optimizer rewrite the graph, and count what it changed."""
    base, name, path = Built.from_json(request["built"]), request["optimizer"], target / files.MODEL
    tool, options = request.get("tool"), request["options"]
    asked = {"optimizer": name, "options": options, "base": base.path, "path": str(path.absolute())}
    notes: tuple[str, ...] = ()
    if tool is None:
        level = options.get("level", offline.LEVEL)
        who, options = "onnxruntime", {"level": level}
        offline.optimize(Path(base.path), path, level)
        notes = (offline.NOTE,) if level == "all" else ()
    else:
        who = tool["requirement"]
        run_tool(tool["path"], "harness.build.optimizers.main", {**asked, "who": who}, who)
    files.lower_ir(path)
    reading, complaints = check_and_read(path, base.opset, f"{who} gave")
    here = (tuple(item.name for item in base.inputs), base.outputs)
    if (found := (tuple(item.name for item in reading.inputs), reading.outputs)) != here:
        names = [", ".join(sum(each, ())) for each in (here, found)]
        raise Failed(f"{who} changed what the model takes and gives: {names[0]} became {names[1]}")
    if reading.operators == base.operators:
        notes = (*notes, f"{who} left the operators as they were")
    done = {
        "by": who,
        "options": options,
        "versions": request["versions"],
        "nodes": [sum(base.operators.values()), sum(reading.operators.values())],
        **({"packages": tool["packages"], "beside": tool["beside"]} if tool else {}),
    }
    reading = replace(reading, inputs=tuple(carry_hint(item, base) for item in reading.inputs))
    provenance = {**base.provenance, "optimizer": done}
    made = content(files.MODEL, reading, provenance, (*base.notes, *complaints, *notes), base.engine)
    return {**made, "random_weights": base.random_weights}


def convert(request: Mapping[str, Any], target: Path) -> Content:
    """Convert to another precision, and see that the file holds it."""
    base, kind = Built.from_json(request["built"]), request["precision"]
    precision: Precision = PRECISIONS.resolve(kind)
    calibrated = precision.takes_feeds(request["options"])
    feeds, calibration = calibrate(base, request["feeds"]) if calibrated else ([], None)
    target = target.absolute()
    path = target / files.MODEL
    mended, repairs = repair.mend(Path(base.path).absolute(), target / "mended.onnx")
    try:
        with chdir(target):  # tools leave external data in the current folder
            done = precision.convert(mended, path, request["options"], feeds)
    except HarnessError:
        raise
    except ImportError as error:
        if request["quantizer"] is None:
            raise
        raise Unsupported(f"{request['quantizer']} cannot convert to {kind}: {first_line(error)}") from error
    except Exception as error:  # a converter raises what it likes
        raise Failed(failure(kind, Path(base.path), error, precision.defaults)) from error
    _, after = repair.mend(path, path, (repair.SORT,))
    after += repair.keep_output_shapes(path, mended)
    discard(target, path)
    files.lower_ir(path)
    try:
        reading, complaints = check_and_read(path, request["opset"], f"{kind} needs")
    except Failed as error:
        remedy = _remedy(files.parse(Path(base.path)), precision.defaults)
        raise Failed(f"the converter to {kind} wrote a broken model: {error}; {remedy}") from error
    if reading.precision != precision.reads_back:
        raise Unsupported(
            f"asked for {kind}; the file holds {reading.precision}: no operator of it could be converted: "
            f"{unconverted.why(files.parse(Path(base.path)), kind)}"
        )
    provenance = {
        **base.provenance,
        "base": {"sha256": base.sha256, "opset": base.opset},
        "precision": {
            "kind": kind,
            "options": request["options"],
            **({"quantizer": quantizer_facts(request["quantizer"])} if request["quantizer"] else {}),
            "versions": request["versions"],
            "repairs": [*repairs, *after],
            **done,
        },
        **({"calibration": calibration} if calibration else {}),
        "random_calibration": calibrated and "random" in request["feeds"]["identity"],
    }
    notes = (*base.notes, *(f"before {kind}: {text}" for text in repairs), *complaints)
    if narrowed := done.get("narrowed"):
        types, because = ", ".join(narrowed["op_types"]), narrowed["because"]
        notes = (*notes, f"{kind} quantized {types} alone: on all operators the quantizer fails: {because}")
    if precision.reads_back == "int8" and (kept := unconverted.left(files.parse(path))):
        notes = (*notes, f"{kind} left weights in floating point: {kept}")
    if reading.opset != base.opset:
        notes = (*notes, f"{kind} raised the opset from {base.opset} to {reading.opset}")
    reading = replace(reading, inputs=tuple(carry_hint(item, base) for item in reading.inputs))
    made = content(files.MODEL, reading, provenance, notes, base.engine)
    return {**made, "random_weights": base.random_weights}


def quantizer_facts(requirement: str) -> Content:
    """Return whose tools converted, as they call themselves. Raises Failed where that is another version."""
    import onnxruntime

    if onnxruntime.__version__ != requirement.partition("==")[2]:
        raise Failed(f"{requirement} was asked to convert; onnxruntime {onnxruntime.__version__} did")
    return {"requirement": requirement, "version": onnxruntime.__version__}


def reformat(request: Mapping[str, Any], target: Path) -> Content:
    """Convert to ONNX Runtime's own format."""
    base = Built.from_json(request["built"])
    done = ort_format.convert(Path(base.path), target)
    reading = ort_format.read_ort(target / ort_format.MODEL, base.inputs, base.outputs)
    reading = replace(reading, training=base.training)
    if reading.opset != base.opset:
        raise Unsupported(f"asked for opset {base.opset}; the ort file holds {reading.opset}")
    if reading.precision != base.precision:
        raise Unsupported(
            f"asked for {base.precision}; the ort file holds {reading.precision}: "
            f"ONNX Runtime converts what this machine's CPU has no kernel for"
        )
    provenance = {**base.provenance, "format": {"versions": request["versions"], **done}}
    made = content(ort_format.MODEL, reading, provenance, (*base.notes, ort_format.NOTE), base.engine)
    return {**made, "random_weights": base.random_weights}


def split(request: Mapping[str, Any], target: Path) -> Content:
    """Split a file of data into what is calibrated and what is evaluated on."""
    return dict(split_file(Path(request["path"]), request["calibration"], target))


STEPS = {
    "source": take_source,
    "part": take_part,
    "optimizer": optimize,
    "precision": convert,
    "format": reformat,
    "split": split,
}


def check_and_read(path: Path, opset: int | None, who: str) -> tuple[Reading, tuple[str, ...]]:
    """Check a file and read it back; with it, what onnx.checker complains about.

    Raises Failed where ONNX Runtime does not load it, Unsupported where it has
    another opset than asked for.
    """
    complaint = check(path)
    reading = read_onnx(path)
    if opset not in (None, reading.opset):
        raise Unsupported(f"asked for opset {opset}; {who} {reading.opset}")
    return reading, (f"onnx.checker complains, ONNX Runtime does not: {complaint}",) if complaint else ()


MESSAGE = 2000
"""Characters of a converter's message that are kept."""


def failure(kind: str, source: Path, error: Exception, options: Collection[str] = ()) -> str:
    """Return which converter failed on whose file, all that it said in one line, and what to try.

    `options` are those that the converter takes.
    """
    model = files.parse(source)
    writer = " ".join(filter(None, (model.producer_name, model.producer_version))) or "an unnamed tool"
    text = " ".join(str(error).split()) or "no message"
    text = text if len(text) <= MESSAGE else f"{text[: MESSAGE - 1]}…"
    what = f"{type(error).__name__}: {text}"
    return f"the converter to {kind} failed on a model written by {writer}: {what}; {_remedy(model, options)}"


def _remedy(model: onnx.ModelProto, options: Collection[str]) -> str:
    if domains := custom_domains(model, walk(model)):
        return (
            f"a conversion registers no library of custom operators, and the model has some of "
            f"{', '.join(domains)}: convert it with the tool that wrote it, or try fp16"
        )
    ways = [option for option in ("nodes_to_exclude", "op_types", "op_types_to_exclude") if option in options]
    leave = f"leave out what it names with {' or '.join(ways)}, or " if ways else ""
    return f"try to {leave}convert it with the tool that wrote it"


def carry_hint(item: Input, base: Built) -> Input:
    """Bound an input as that of the FP32 model is: a conversion hides what indexes which table."""
    known = next((other for other in base.inputs if other.name == item.name), item)
    return replace(
        item,
        low=known.low,
        high=known.high,
        fill=known.fill,
        within=known.within,
        counts=known.counts,
        argument=known.argument,
    )


def discard(folder: Path, path: Path) -> None:
    """Delete what a conversion left beside its model and the external data of it."""
    kept = {path, *(folder / location for location in files.external_files(files.parse(path)))}
    for other in set(folder.iterdir()) - kept:
        other.unlink()


def content(
    file: str, reading: Reading, provenance: Mapping[str, Any], notes: tuple[str, ...], engine: str
) -> Content:
    """Join what is kept of an artifact beside its files."""
    return {"file": file, **asdict(reading), "provenance": provenance, "notes": notes, "engine": engine}
