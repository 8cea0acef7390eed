"""The table of tools, and what may be asked for in their place."""

import pytest

from harness.core.requirement import Requirement
from harness.core.tools import TOOLS, Tool, split, tool


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_and_all_that_is_pinned_beside_it_is_one_version(name: str) -> None:
    found = tool(name)
    for pin in (str(found), *found.beside):
        assert "==".join(split(pin)) == pin


def test_an_unknown_tool_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown tool 'sklaern': did you mean 'sklearn'"):
        tool("sklaern")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a==",
        "a=1",
        "A==1.0",
        "a==1.0; x",
        "-a==1.0",
        "--pre==1.0",
        "a[x]==1.0",
        "a==1.*",
        "../a==1.0",
    ],
)
def test_anything_but_one_version_of_a_package_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected one version of one package"):
        split(text)


def test_a_version_is_spelled_in_one_way() -> None:
    with pytest.raises(ValueError, match=r"write a==1\.0rc1"):
        split("a==1.0-RC1")


def test_only_a_tool_of_the_table_is_taken_where_they_are_named() -> None:
    assert split("skl2onnx==1.18.0", ["skl2onnx"]) == ("skl2onnx", "1.18.0")
    with pytest.raises(ValueError, match=r"unknown tool 'sklonnx': did you mean 'skl2onnx'"):
        split("sklonnx==1.18.0", ["skl2onnx"])


def test_another_version_keeps_the_pins_but_those_that_are_named_anew() -> None:
    found = Tool("t", "2.0", "t", ("a==1.0", "b==1.0")).with_version("1.0", ["b==2.0", "c==3.0"])
    assert (str(found), found.beside) == ("t==1.0", ("a==1.0", "b==2.0", "c==3.0"))


def test_a_runtime_brings_its_own_numpy_only_where_it_needs_an_old_one() -> None:
    assert Requirement("onnxruntime", "1.18.1").beside == ("numpy==1.26.4",)
    assert Requirement("onnxruntime", "1.19.0").beside == ()
