"""ONNX Runtime, from 1.17 on. `onnxruntime` is imported when the engine loads it, never before."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.core.custom_ops import missing_domains
from harness.core.errors import CaseError, Failed, Unsupported
from harness.core.vocabulary import DEVICES, PROVIDERS, THREADS
from harness.measure.worker import (
    device,
    numbers,
    ort_kernels,
    ort_options,
    ort_profile,
    ort_proof,
    ort_providers,
)
from harness.measure.worker.arrays import as_arrays
from harness.measure.worker.engine import Call, Engine, one_line

if TYPE_CHECKING:
    from harness.core.feeds import Rows
    from harness.measure.worker.request import Request

_UNREGISTERED = ("is not a registered function/op", "No Op registered for", "No opset import for domain")

_LACKS = (
    *_UNREGISTERED,
    "is under development and support for this is limited",  # an opset newer than the runtime
    "Unsupported model IR version",
    "Could not find an implementation for",
    "as mentioned in the GPU requirements page",  # TensorRT's libraries are not there
)

_NOISE = re.compile(
    r"\[ONNXRuntimeError\] : \d+ : \w+ : "
    r"|Load model from \S+ failed:\s*"
    r"|/onnxruntime(?:_src)?/onnxruntime/\S+:\d+ .*?\)(?: const)? (?=\S)"  # a place in ORT's source
)


_RESIZED = (
    "Invalid rank for output",
    "The output OrtValue provided for output",
    "OrtValue shape verification failed",  # before 1.19
)
"""What the runtime says of an output that has another shape than the call before made, and is bound."""

OPTIMIZED = "optimized.onnx"

PROOF_CALLS = 2
PROFILE_WARMUP = 10
PROFILE_CALLS = (20, 200)
PROFILE_NS = 1_000_000_000
"""Calls of a profile: at least, at most, and the time after which no more are begun."""


class OrtEngine(Engine):
    """A session of ONNX Runtime as a suite asks for it, and as it truly is."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        session = request.session
        self.provider = PROVIDERS.get(session["provider"], session["provider"])
        self._rt: Any = None
        self._session: Any = None
        self._options: Any = None
        self._bound: list[Any] = []

    def load(self) -> dict[str, Any]:
        """Import onnxruntime; return which one it is."""
        import onnxruntime

        self._rt = onnxruntime
        build = getattr(onnxruntime, "get_build_info", None)
        return {
            "distribution": getattr(onnxruntime, "package_name", "") or "onnxruntime",
            "version": onnxruntime.__version__,
            "build": build() if build else "",
            "path": str(Path(onnxruntime.__file__).parent),
            "available_providers": onnxruntime.get_available_providers(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        }

    def prepare(self) -> None:
        """Check that this runtime is the one, and has the provider, asked for; make the options."""
        wanted, version = self.request.runtime_version, self._rt.__version__
        place, folder = Path(self._rt.__file__).parent, self.request.runtime_path
        if folder is not None and place.parent != Path(folder):
            raise Failed(f"onnxruntime {version} was imported from {place.parent}, not from {folder}")
        if wanted is not None and wanted != version:
            raise Failed(f"{self._rt.__file__} is version {version}; {wanted} was asked for")
        available = self._rt.get_available_providers()
        if self.provider not in available:
            raise Unsupported(
                f"onnxruntime {version} has no {self.provider}; available: {', '.join(available)}"
            )
        ort_providers.check_options(self._rt, self.provider, self.request.session["provider_options"])
        self._options = ort_options.make(self._rt, self.request)

    def create(self) -> None:
        """Create the session. Where a provider fails to start, none steps in for it."""
        self._session = self._open(self._options)

    def _open(self, options: Any) -> Any:
        asked, own = self.request.session, {}
        if asked["provider"] in THREADS and "load_config" not in asked["provider_options"]:
            own = {THREADS[asked["provider"]]: asked["intra_threads"] or self.request.cores.threads}
        chosen: list[Any] = [(self.provider, {**own, **asked["provider_options"]})]
        if self.provider != PROVIDERS["cpu"]:
            chosen.append(PROVIDERS["cpu"])
        session = self._rt.InferenceSession(self.request.path, options, providers=chosen, enable_fallback=0)
        session.disable_fallback()
        if self.provider not in session.get_providers():
            running = ", ".join(session.get_providers())
            lacks = ort_providers.missing_library(self._rt, self.provider)
            why = f": {lacks}" if lacks else ""
            raise Unsupported(f"{self.provider} did not start{why}; the session has {running} only")
        return session

    def describe(self) -> dict[str, Any]:
        """Read the session's settings, inputs and outputs back from it."""
        session = self._session
        return {
            "providers": session.get_providers(),
            "provider_options": session.get_provider_options(),
            "options": ort_options.read_back(session.get_session_options(), self.request),
            "telemetry": ort_options.telemetry(self._rt.__version__),
            "inputs": [
                {"name": item.name, "dtype": item.type, "shape": list(item.shape)}
                for item in session.get_inputs()
            ],
            "outputs": [item.name for item in session.get_outputs()],
        }

    def bind(self, feeds: Sequence[Rows]) -> list[Call]:
        """Bind each feed once, in a binding of its own, or pass it to `run` as it is."""
        if self.request.load["io"] == "run":
            foreign = numbers.foreign_types(self._session)
            if not foreign:
                return [partial(self._session.run, None, feed) for feed in feeds]
            if self.request.passes != ("outputs",):  # else nothing is timed
                name, kind = next(iter(foreign.items()))
                raise Unsupported(f"output {name!r} holds {kind}, which numpy has not; use io: iobinding")
            return [partial(numbers.run, self._rt, self._session, feed) for feed in feeds]
        for item in self._session.get_inputs():
            if item.type == "tensor(string)":
                raise Unsupported(f"input {item.name!r} holds text and cannot be bound; use io: run")
        for item in self._session.get_outputs():
            if not item.type.startswith("tensor("):
                raise Unsupported(f"output {item.name!r} is a {item.type} and cannot be bound; use io: run")
        return [self._bind(feed) for feed in feeds]

    def _bind(self, feed: Rows) -> Call:
        options = self.request.session["provider_options"]
        place = (DEVICES.get(self.request.session["provider"], "cpu"), int(options.get("device_id", 0)))
        binding = self._session.io_binding()
        for name, array in feed.items():
            value = self._rt.OrtValue.ortvalue_from_numpy(array, *place)
            self._bound.append(value)  # a binding does not keep what is bound to it alive
            binding.bind_ortvalue_input(name, value)
        for item in self._session.get_outputs():
            binding.bind_output(item.name, *place)
        return partial(self._session.run_with_iobinding, binding)

    def evaluate(self, feed: Rows) -> dict[str, np.ndarray | str]:
        """Run `feed` once and return its outputs by name."""
        values = numbers.run(self._rt, self._session, feed)
        return {
            part: array for name, value in values.items() for part, array in as_arrays(name, value).items()
        }

    def foreign_types(self) -> dict[str, str]:
        """Return the element types that numpy lacks, by output."""
        return numbers.foreign_types(self._session)

    def device_memory(self) -> dict[str, Any]:
        """Read what NVIDIA's devices hold after the calls: the arena there gives nothing back by itself."""
        match DEVICES.get(self.request.session["provider"]):
            case None:
                return super().device_memory()
            case "cuda":
                return device.used()
            case other:
                return {"unavailable": f"device memory is read of NVIDIA's devices alone, not of {other}"}

    def close(self) -> None:
        """Drop the session, its bindings first."""
        self._bound.clear()
        self._session = None

    def prove(self, feeds: Sequence[Rows], folder: Path) -> dict[str, Any]:
        """Run a second session that records which provider took each node, and a profile.

        All feeds are run where the graph has branches: which one is taken may depend on them.
        """
        options = ort_options.make(self._rt, self.request)
        ort_proof.record(options, folder)
        self._session = self._open(options)
        feeds = feeds if ort_proof.branches(self._session) else feeds[:PROOF_CALLS]
        for call in self.bind(feeds):
            call()
        in_order = self.request.session["execution_mode"] == "sequential"
        proof = ort_proof.read(self._session, f"onnxruntime {self._rt.__version__}", in_order=in_order)
        self.close()
        return proof

    def profile(self, feeds: Sequence[Rows], folder: Path) -> dict[str, Any]:
        """Profile warm calls: so many that they fill the time, within limits."""
        optimized = folder.absolute() / OPTIMIZED
        self._open_profiled(folder, optimized)
        calls = self.bind(feeds)
        for number in range(PROFILE_WARMUP):
            calls[number % len(calls)]()
        begun, done = self.clock(), 0
        while done < PROFILE_CALLS[0] or (done < PROFILE_CALLS[1] and self.clock() - begun < PROFILE_NS):
            calls[done % len(calls)]()
            done += 1
        try:
            found = ort_profile.warm_calls(ort_proof.read_events(self._session), PROFILE_WARMUP)
        except (OSError, ValueError, KeyError) as error:  # ORT does not escape every name that it writes
            runtime = f"onnxruntime {self._rt.__version__}"
            raise Unsupported(f"the profile of {runtime} cannot be read: {error}") from error
        finally:
            self.close()
        return {**found, "optimized": str(optimized) if optimized.exists() else None}

    def _open_profiled(self, folder: Path, optimized: Path) -> None:
        """Open a session with a profile, which also writes its graph; without it where it is too large."""
        for path in (optimized, None):
            options = ort_options.make(self._rt, self.request)
            options.enable_profiling = True
            options.profile_file_prefix = str(folder.absolute() / "profile")
            if path is not None:
                options.optimized_model_filepath = str(path)
            try:
                self._session = self._open(options)
                return
            except Exception:
                optimized.unlink(missing_ok=True)
                if path is None:
                    raise

    def explain(self, error: Exception) -> CaseError:
        """Return what this runtime lacks from what went wrong, by ORT's own codes and messages."""
        text = one_line(_NOISE.sub("", str(error)))
        if self.request.load["io"] != "run" and any(sign in text for sign in _RESIZED):
            text = f"an output changes its shape, so it cannot be bound; use io: run ({text})"
        if (domains := self.request.custom_domains) and any(sign in str(error) for sign in _UNREGISTERED):
            text = f"{missing_domains(domains, self.request.session['custom_ops'])} ({text})"
        providers = list(dict.fromkeys((self.provider, PROVIDERS["cpu"])))
        if kernel := ort_kernels.missing(self._rt, str(error), providers, self.request.precision):
            text = f"{kernel} ({text})"
        lacks = type(error).__name__ == "NotImplemented" or any(sign in str(error) for sign in _LACKS)
        return Unsupported(text) if lacks else Failed(text)
