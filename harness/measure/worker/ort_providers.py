"""Providers in libraries of their own: which options theirs has, and why one does not load."""

from __future__ import annotations

import ctypes
import mmap
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.core.errors import Unsupported
from harness.core.registry import closest

LIBRARIES = {"CUDAExecutionProvider": "cuda", "TensorrtExecutionProvider": "tensorrt"}
"""Provider -> what its library is called after."""

_SHARED = ("device_id", "has_user_compute_stream", "user_compute_stream")

WITHOUT_OPTIONS = "CPUExecutionProvider"
"""The provider that passes over whatever options it is given, in silence."""

KNOWN = {
    "CUDAExecutionProvider": (
        *_SHARED,
        *("arena_extend_strategy", "gpu_mem_limit", "gpu_external_alloc", "gpu_external_free"),
        *("gpu_external_empty_cache", "cudnn_conv_algo_search", "cudnn_conv_use_max_workspace"),
        *("cudnn_conv1d_pad_to_nc1d", "do_copy_in_default_stream", "enable_cuda_graph", "tunable_op_enable"),
        *("tunable_op_tuning_enable", "tunable_op_max_tuning_duration_ms", "prefer_nhwc", "use_tf32"),
        *("enable_skip_layer_norm_strict_mode", "use_ep_level_unified_stream", "sdpa_kernel"),
        "fuse_conv_bias",
    ),
    "TensorrtExecutionProvider": _SHARED,
}
"""Provider -> options whose names look like others in its library; the library must have them too."""

_OWN = {"TensorrtExecutionProvider": re.compile(rb"trt_[a-z0-9_]+(?=\0)")}
"""Provider -> how the names of its options look, where they look like nothing else."""


def check_options(runtime: Any, provider: str, options: Iterable[str]) -> None:
    """Raise Unsupported with the nearest name for an option that the provider's library does not have.

    The provider itself refuses such an option, but only where it starts: without its device it would be
    said that the device is missing. Of a provider without such a library nothing is known, but that the
    CPU's has no options.
    """
    asked, library = list(options), _library(runtime, provider)
    if asked and provider == WITHOUT_OPTIONS:
        raise Unsupported(
            f"{provider} has no options, and passes over {', '.join(map(repr, asked))}: settings of a "
            "session are entries of the axis config, such as enable_cpu_mem_arena"
        )
    if not asked or library is None:
        return
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        # the end of a longer name may stand for a known one: linkers store both once
        known = [name for name in KNOWN[provider] if content.find(name.encode() + b"\0") >= 0]
        if pattern := _OWN.get(provider):
            known += sorted({found.decode() for found in pattern.findall(content)})
        for name in asked:
            if name not in known and content.find(b"\0" + name.encode() + b"\0") < 0:
                raise Unsupported(
                    f"{provider} of onnxruntime {runtime.__version__} has no option {name!r}: "
                    f"{closest(name, known)}"
                )


def missing_library(runtime: Any, provider: str) -> str:
    """Return which library the provider's own one lacks, in the loader's words; empty where it lacks none."""
    library = _library(runtime, provider)
    if library is None:
        return ""
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return str(error) if "cannot open shared object" in str(error) else ""
    return ""


def _library(runtime: Any, provider: str) -> Path | None:
    name = LIBRARIES.get(provider)
    if name is None or not getattr(runtime, "__file__", None):
        return None
    folder = Path(runtime.__file__).parent / "capi"
    return next(iter(sorted(folder.glob(f"*onnxruntime_providers_{name}.*"))), None)
