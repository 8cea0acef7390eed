"""How much of the time lies in counted operators: a CNN, a transformer, both in int8, and one in int4.

    python benchmarks/profile_coverage.py [--roofs]

Prints a line a case. Exit code 1 where less than 95% of the time is counted, or a case has no profile. With
--roofs the share of the roof as well, and the nodes above it: on a quiet machine only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.build import default_cache_dir
from harness.plan import plan_model
from harness.profile.job import profile
from harness.profile.model import By, RoofSource

LEAST = 0.95
MODELS = Path(__file__).parents[1] / "suites" / "models"
INT8 = ["fp32", "int8_static", "int8_dynamic"]
SOURCES = (
    ({"onnx": str(MODELS / "digits_cnn.onnx")}, INT8),
    ({"torch": f"{MODELS / 'digits_transformer.py'}:model"}, [*INT8, "int4"]),
)


def main() -> int:
    """Profile each, print its share, and compare with the limit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--roofs", action="store_true")
    source = RoofSource.MEASURE if parser.parse_args().roofs else RoofSource.NONE
    good = True
    for model, precisions in SOURCES:
        name = Path(next(iter(model.values()))).stem
        plan = plan_model(
            model, {"precision": precisions, "batch": [32], "intra_threads": [1]}, data="digits"
        )
        found = profile(plan, default_cache_dir(), By.OP, roofs=source)
        for case, why in found.missing.items():
            print(f"{case}: {why}")
        for each in found.profiles:
            line = each.roofline
            assert line is not None
            roof = "" if line.roof_share is None else f", {line.roof_share:.0%} of the roof"
            left = ", ".join(line.uncounted) or "none"
            print(f"{name}, {each.case}: {line.counted_share:.1%} counted{roof}; not counted: {left}")
            for node in line.above:
                print(f"  above its roof: {node.op} {node.name}, {node.roof_share:.0%}")
            good &= line.counted_share >= LEAST
        good &= not found.missing
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
