"""The records and names that the tests of views share."""

from make import make_metric, make_shown_record

from harness.core.record import Status

HOSTILE = '<script>alert("x")</script>|\n\x1b[31m=cmd&`_a_`\u202e'
"""A name with everything in it that some view could stumble over."""

FP32 = make_shown_record(
    "digits",
    metrics={
        "latency/p50": make_metric("latency/p50", 0.0012, low=0.00119, high=0.00121),
        "latency/p95": make_metric("latency/p95", None, reason="4 samples; p95 needs 130"),
        "throughput/samples_per_s": 833.25,
        "memory/peak": 51_200_000.0,
        "accuracy/top1": 0.991,
        "accuracy/top1_delta": 0.0,
    },
    samples={"latency_ns": [[1_100_000, 1_200_000], [1_200_000, 1_300_000]]},
)
INT8 = make_shown_record(
    "digits",
    precision="int8_static",
    notes=(
        "openvino 97%: cpu ran Softmax 3",
        "asked for 2 threads, the session started 0 beside the calling one",
    ),
    note_shorts=("openvino 97%", ""),
    metrics={
        "latency/p50": 0.0008,
        "latency/p95": make_metric("latency/p95", None, reason="4 samples; p95 needs 130"),
        "throughput/samples_per_s": 1250.0,
        "memory/peak": 50_800_000.0,
        "accuracy/top1": 0.989,
        "accuracy/top1_delta": -0.002,
    },
    samples={"latency_ns": [[800_000, 800_000]]},
)
OTHER = make_shown_record("squeezenet", metrics={"latency/p50": 0.0112}, notes=("random weights",))
BROKEN = [
    make_shown_record(
        "digits", Status.CRASHED, "the worker died of SIGSEGV (signal 11)", precision="int8_dynamic"
    ),
    make_shown_record(
        "squeezenet", Status.FAILED, "ids: nothing binds 'seq'", batch=8, stderr="bad\x1b[0m\nworse"
    ),
    make_shown_record("squeezenet", Status.TIMEOUT, "no answer within 300 s", batch=32),
    make_shown_record("squeezenet", Status.UNSUPPORTED, "cuda is not in this runtime", provider="cuda"),
    make_shown_record(
        "squeezenet", Status.UNSUPPORTED, "cuda is not in this runtime", provider="cuda", batch=8
    ),
    make_shown_record("squeezenet", Status.SKIPPED, "slow", precision="int8_dynamic"),
    make_shown_record("squeezenet", Status.SKIPPED, "slow", precision="int8_static"),
]
GATE = "latency/p50 max_increase 3% against previous"
