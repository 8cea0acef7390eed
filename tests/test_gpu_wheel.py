"""The real onnxruntime-gpu on a machine without a device: no option is taken unseen, no CPU steps in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from models import DIGITS_CNN

from harness import install

pytestmark = [pytest.mark.heavy, pytest.mark.slow, pytest.mark.xdist_group("runtimes")]
GPU = "onnxruntime-gpu==1.31.1"

SUITE = f"""
models: {{digits: {{source: {{onnx: {DIGITS_CNN}}}}}}}
axes:
  runtime: {GPU}
  provider:
    - cpu
    - cuda
    - limited: {{provider: cuda, options: {{device_id: 0, arena_extend_strategy: kSameAsRequested,
        gpu_mem_limit: 2147483648, cudnn_conv_algo_search: HEURISTIC}}}}
    - mistyped: {{provider: cuda, options: {{arena_extend_strateg: kSameAsRequested}}}}
    - engine: {{provider: tensorrt, options: {{trt_fp16_enable: 1, trt_engine_cache_enable: 1}}}}
    - mistyped_engine: {{provider: tensorrt, options: {{trt_fp16_enabl: 1}}}}
sampling: {{seconds: 0.05, warmup_seconds: 0, warmup_calls: 1}}
measure: {{accuracy: false}}
"""


def test_a_provider_without_its_device_is_unsupported_and_names_what_is_missing(
    runtimes_dir: Path, tmp_path: Path, records: Callable[..., list[dict[str, Any]]]
) -> None:
    install.ensure(install.parse(GPU), runtimes_dir)
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE)
    found = {
        record["axes"]["provider"]: (record["status"], record["reason"], record["metrics"])
        for record in records("run", path, "--cache", runtimes_dir)
    }
    assert found["cpu"][0] == "ok"
    for name, reason in (
        ("cuda", "CUDAExecutionProvider did not start: libcublas"),
        ("limited", "CUDAExecutionProvider did not start: libcublas"),
        ("mistyped", "has no option 'arena_extend_strateg': did you mean 'arena_extend_strategy'?"),
        ("engine", "Please install TensorRT libraries"),
        ("mistyped_engine", "has no option 'trt_fp16_enabl': did you mean 'trt_fp16_enable'?"),
    ):
        status, why, metrics = found[name]
        assert (status, reason in why) == ("unsupported", True), (name, why)
        assert metrics["latency/p50"]["value"] is None
