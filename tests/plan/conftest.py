from __future__ import annotations

from pathlib import Path

import pytest

from harness.core.errors import InputError
from harness.core.suite import Plan
from harness.plan import plan

from .planning import Planner, Problems


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, so that messages name files as a person sees them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def planned(folder: Path) -> Planner:
    """Plan a text, as the file s.yaml."""

    def run(text: str | bytes, overrides: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> Plan:
        Path("s.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return plan(Path("s.yaml"), overrides, only)

    return run


@pytest.fixture
def problems(planned: Planner) -> Problems:
    """Plan a text that is wrong; give the lines of the error."""

    def run(text: str | bytes, overrides: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> list[str]:
        with pytest.raises(InputError) as caught:
            planned(text, overrides, only)
        return str(caught.value).splitlines()

    return run
