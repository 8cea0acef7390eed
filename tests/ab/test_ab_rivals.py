"""The rules of other tools, as `benchmarks/rivals.py` applies them to the blocks of an A/B."""

import importlib.util
import random
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "benchmarks" / "rivals.py"


@pytest.fixture(scope="module")
def rivals():
    spec = importlib.util.spec_from_file_location("rivals", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(slowdown, n=4):
    """Calls of a millisecond with 1% of noise, HEAD slower by so much."""
    rng = random.Random(1)

    def slices(factor):
        return [[round(1e6 * factor * rng.gauss(1, 0.01)) for _ in range(50)] for _ in range(4)]

    return [{"samples_ns": [slices(1.0), slices(1.0 + slowdown)]} for _ in range(n)]


@pytest.mark.parametrize(
    ("slowdown", "alarmed"),
    [
        (0.0, set()),
        (0.02, {"pooled t-test, 1%"}),
        (0.07, {"pooled t-test, 1%", "pytest-benchmark mean:5%", "fixed 5% of the median"}),
        (
            0.2,
            {
                "asv compare (factor 1.1)",
                "pooled t-test, 1%",
                "pytest-benchmark mean:5%",
                "fixed 5% of the median",
            },
        ),
        (-0.2, set()),
    ],
)
def test_each_rule_calls_head_slower_beyond_its_own_limit(rivals, slowdown, alarmed):
    found = blocks(slowdown)
    assert {name for name, rule in rivals.RIVALS.items() if rule(found)} == alarmed


def test_asv_takes_ten_samples_of_ten_milliseconds_from_each_of_two_processes(rivals):
    samples = rivals._asv_samples(rivals.calls(blocks(0.0)[0], 0))
    assert len(samples) == 10
    assert samples[0] == pytest.approx(1e-3, rel=0.01)


def test_asv_makes_do_with_one_sample_where_there_are_few_calls(rivals):
    assert rivals._asv_samples(rivals.np.array([1e6, 3e6])) == [2e-3]
