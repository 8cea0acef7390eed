"""The notebook of the docs, executed; and the types, as another project's mypy sees them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "python.ipynb"


@pytest.mark.filterwarnings("default")  # of the packages that run notebooks
def test_the_notebook_of_the_docs_goes_from_a_sweep_to_a_plot_in_ten_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbformat
    from nbclient import NotebookClient

    (tmp_path / "docs").mkdir()
    (tmp_path / "suites").symlink_to(ROOT / "suites")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    book = nbformat.read(NOTEBOOK, 4)
    cells = {cell.id: cell for cell in book.cells}
    assert len(f"{cells['sweep'].source}\n{cells['plot'].source}".splitlines()) <= 10
    assert not any(cell.get("outputs") for cell in book.cells)
    resources = {"metadata": {"path": str(tmp_path / "docs")}}
    NotebookClient(book, timeout=120, kernel_name="python3", resources=resources).execute()
    shown = {name: [item.get("data", {}) for item in cell.get("outputs", ())] for name, cell in cells.items()}
    assert any("4/4" in item.get("text/html", "") for item in shown["sweep"])  # its progress
    assert "disable" in shown["table"][0]["text/html"]
    assert "latency/p50.low" in shown["frame"][0]["text/html"]
    assert any("image/png" in item for item in shown["plot"])


OUTSIDE = """
import pandas as pd
from matplotlib.axes import Axes

from harness import api

results = api.sweep("m.onnx", batch=[1, 8], precision=["fp32", {"mine": {"method": "static"}}])
frame: pd.DataFrame = results.where(batch=8).frame(long=True)
axes: Axes = results.plot(x="batch", y="latency/p50", hue="precision")
ratio: float | None = api.ab("a.onnx", "b.onnx", head={"batch": 2}).of("latency/p50").decision.ratio
reveal_type(api.load("results"))
reveal_type(api.run("quickstart"))
results.plot(hue="precision")
api.sweep("m.onnx", batch=1.5)
"""


def test_a_project_outside_is_checked_against_the_types(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "harness").symlink_to(ROOT / "harness")
    (tmp_path / "use.py").write_text(OUTSIDE)
    if (known := ROOT / ".mypy_cache").is_dir():  # of lint; without it, mypy reads all of pandas first
        shutil.copytree(known, tmp_path / "cache")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", f"--config-file={ROOT}/pyproject.toml", "--cache-dir=cache", "use.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith("use.py:")]
    assert [line.replace('"', "") for line in found[:2]] == [
        "note: Revealed type is harness.results.model.Results"
    ] * 2
    assert ["call-arg" in found[2], "arg-type" in found[3], len(found)] == [True, True, 4], done.stdout
