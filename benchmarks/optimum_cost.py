"""Seconds a case of a sweep here and by optimum-benchmark, on one exported BERT, in one run.

4 layers, width 256, 64 tokens; batch 1, 1 and 2 threads, graph optimization off and on, 10 + 100 calls.
optimum-benchmark runs in an environment of its own, whose Python is given (`optimum-benchmark` and
`optimum-onnx[onnxruntime]` in it): with its own defaults, which start each case as a new process, and with
`start_method: fork`, which keeps what the parent imported. Its latency and memory are on, as here.

    python benchmarks/optimum_cost.py --python /path/to/other/environment/bin/python
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

BATCHES, THREADS, LEVELS = (1,), (1, 2), ("disable", "all")
WARMUP, CALLS, TOKENS = 10, 100, 64
CASES = tuple(itertools.product(BATCHES, THREADS, LEVELS))
ENUM = {"disable": "ORT_DISABLE_ALL", "all": "ORT_ENABLE_ALL"}


def export(folder: Path) -> None:
    """Write a BERT with random weights, and its ONNX file, as optimum exports it."""
    import torch
    from optimum.onnxruntime import ORTModelForFeatureExtraction
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    sizes = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
    BertModel(BertConfig(vocab_size=4096, **sizes)).save_pretrained(folder / "torch")
    ORTModelForFeatureExtraction.from_pretrained(folder / "torch", export=True).save_pretrained(
        folder / "onnx"
    )


def theirs(folder: Path, start_method: str) -> Iterator[dict[str, Any]]:
    """Yield seconds and p50 of each case by optimum-benchmark."""
    import onnxruntime
    from optimum_benchmark import Benchmark, BenchmarkConfig, InferenceConfig, ORTConfig, ProcessConfig

    for batch, threads, level in CASES:
        options = {
            "intra_op_num_threads": threads,
            "graph_optimization_level": getattr(onnxruntime.GraphOptimizationLevel, ENUM[level]),
        }
        begun = perf_counter()
        report = Benchmark.launch(
            BenchmarkConfig(
                name="case",
                launcher=ProcessConfig(start_method=start_method),
                scenario=InferenceConfig(
                    iterations=CALLS,
                    duration=0,
                    warmup_runs=WARMUP,
                    latency=True,
                    memory=True,
                    input_shapes={"batch_size": batch, "sequence_length": TOKENS},
                ),
                backend=ORTConfig(
                    model=str(folder / "onnx"),
                    task="feature-extraction",
                    library="transformers",
                    device="cpu",
                    provider="CPUExecutionProvider",
                    session_options=options,
                ),
            )
        )
        seconds = perf_counter() - begun
        yield {"seconds": seconds, "p50": statistics.median(report.forward.latency.values)}


def ours(folder: Path, results: Path) -> list[dict[str, Any]]:
    """Return seconds and p50 of each case by a sweep, with the artifact cached."""
    from harness import store
    from harness.build import default_cache_dir
    from harness.plan import plan_document
    from harness.run.job import run

    document = {
        "models": {"bert": {"source": {"onnx": str(folder / "onnx" / "model.onnx")}}},
        "axes": {
            "batch": list(BATCHES),
            "intra_threads": list(THREADS),
            "graph_opt": list(LEVELS),
            "shapes": [{"seq": {"sequence_length": TOKENS}}],
        },
        "sampling": {"warmup_calls": WARMUP, "warmup_seconds": 0, "calls": CALLS, "seconds": None},
    }
    plan = plan_document(document, folder, "optimum_cost")
    run(plan, results, default_cache_dir())
    records = store.records(results, run(plan, results, default_cache_dir()).run)
    for record in records:
        if record.status != "ok":
            print(f"{record.case}: {record.status}: {record.reason}")
    of = {
        (
            item.asked["load"]["batch"],
            item.asked["session"]["intra_threads"],
            item.asked["session"]["graph_opt"],
        ): item
        for item in records
    }
    return [{"seconds": of[case].duration_s, "p50": of[case].metrics["latency/p50"].value} for case in CASES]


def other(python: str, step: str, folder: Path) -> list[dict[str, Any]]:
    """Run a step in the other environment, whose log goes to `folder`; read what it printed last."""
    command = [python, str(Path(__file__).resolve()), "--inner", step, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder)
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(found: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Yield a line a case, and the means beside those of this harness."""
    names = list(found)
    yield " | ".join(("batch", "threads", "level", *(f"{name}: s, p50 ms" for name in names)))
    for place, case in enumerate(CASES):
        cells = (
            f"{found[name][place]['seconds']:.2f}, {1e3 * found[name][place]['p50']:.2f}" for name in names
        )
        yield " | ".join((*map(str, case), *cells))
    means = {name: statistics.mean(item["seconds"] for item in each) for name, each in found.items()}
    own = means[names[0]]
    yield "; ".join(f"{name} {mean:.2f} s a case, {mean / own:.1f} times" for name, mean in means.items())


def lend_table() -> None:
    """Give optimum-benchmark 0.6 the table of tasks that optimum 2 dropped, in its own processes too."""
    import optimum.pipelines
    from optimum.onnxruntime import ORTModelForFeatureExtraction

    tasks = {"feature-extraction": {"class": (ORTModelForFeatureExtraction,)}}
    optimum.pipelines.ORT_SUPPORTED_TASKS = tasks


if "--inner" in sys.argv:
    lend_table()


def main() -> None:
    """Measure all three in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", help="the Python of an environment that has optimum-benchmark")
    parser.add_argument("--inner", nargs=2, metavar=("STEP", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inner:
        step, folder = arguments.inner
        print(json.dumps(export(Path(folder)) if step == "export" else list(theirs(Path(folder), step))))
        return
    if not arguments.python:
        parser.error("--python is needed: the Python of an environment that has optimum-benchmark")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        other(arguments.python, "export", folder)
        found = {"here": ours(folder, folder / "results")}
        for step, called in (("spawn", "optimum-benchmark"), ("fork", "optimum-benchmark, forking")):
            found[called] = other(arguments.python, step, folder)
    print("\n".join(table(found)), file=sys.stdout)


if __name__ == "__main__":
    main()
