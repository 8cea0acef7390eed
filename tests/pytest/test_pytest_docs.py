"""docs/pytest.md says what there is, and its example runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.pytest.stats import Stats

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pytest.md").read_text()


def test_every_option_is_documented(session: Callable[..., pytest.RunResult]) -> None:
    options = set(re.findall(r"--harness-[a-z-]+", "\n".join(session("--help").outlines)))
    assert options == set(re.findall(r"^\| `(--harness-[a-z-]+)", PAGE, re.MULTILINE))


def test_every_number_of_the_fixture_is_documented() -> None:
    attributes = {name for name, value in vars(Stats).items() if isinstance(value, property)}
    assert {name for name in attributes if f"`{name}`" not in PAGE} == set()


def test_the_example_runs(session: Callable[..., pytest.RunResult]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert "0.010" in example
    Path("test_example.py").write_text(example.replace("0.010", "60"))  # how fast is not what is tested
    shutil.copy(ROOT / "suites" / "models" / "digits_cnn.onnx", "model.onnx")
    session().assert_outcomes(passed=2)
