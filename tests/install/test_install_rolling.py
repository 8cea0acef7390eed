"""Which version a name that moves means today, asked of an index that is a folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.case import Artifact, Case, Load, Model, Session, Source
from harness.core.errors import InputError
from harness.core.suite import Plan, Suite
from harness.install import newest
from harness.run.job import resolve_rolling_runtimes

MakeWheel = Callable[..., Path]


@pytest.fixture
def index(make_wheel: MakeWheel, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let pip know these versions of onnxruntime, and no others."""

    def offer(*versions: str) -> None:
        for version in versions:
            monkeypatch.setenv("PIP_FIND_LINKS", str(make_wheel(version=version).parent))
        monkeypatch.setenv("PIP_NO_INDEX", "1")

    return offer


def test_latest_is_the_newest_release(index: Callable[..., None]) -> None:
    index("9.1.0", "9.10.0", "9.2.0", "10.0.0rc1")
    assert str(newest("latest")) == "onnxruntime==9.10.0"


def test_nightly_is_the_newest_pre_release(index: Callable[..., None]) -> None:
    index("9.1.0.dev20261101", "9.1.0.dev20261122", "9.0.0")
    assert str(newest("nightly")) == "onnxruntime==9.1.0.dev20261122"


def test_an_index_without_development_versions_says_what_to_do(index: Callable[..., None]) -> None:
    index("9.1.0")
    with pytest.raises(
        InputError, match=r"no such onnxruntime; the newest that it has is 9\.1\.0.*PIP_EXTRA"
    ):
        newest("nightly")


def test_the_key_stays_while_the_version_moves(index: Callable[..., None]) -> None:
    model = Artifact(Model("m", Source("fake", ())))
    plan = Plan(
        Suite("s", "", ()), tuple(Case(model, Session(name), Load()) for name in ("current", "latest"))
    )
    index("9.1.0")
    first = resolve_rolling_runtimes(plan)
    index("9.2.0")
    second = resolve_rolling_runtimes(plan)
    assert (
        [case.key for case in first.cases] == [case.key for case in second.cases] == ["m", "m/runtime=latest"]
    )
    assert [case.session.runtime for case in first.cases] == ["current", "onnxruntime==9.1.0"]
    assert second.cases[1].session.runtime == "onnxruntime==9.2.0"
    assert first.cases[1] != second.cases[1]


def test_a_plan_is_settled_once(index: Callable[..., None]) -> None:
    model = Artifact(Model("m", Source("fake", ())))
    index("9.1.0")
    settled = resolve_rolling_runtimes(Plan(Suite("s", "", ()), (Case(model, Session("latest"), Load()),)))
    index("9.2.0")
    assert resolve_rolling_runtimes(settled) is settled
