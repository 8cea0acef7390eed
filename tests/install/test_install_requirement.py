"""The gate before the installer."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import InputError
from harness.core.requirement import DISTRIBUTIONS, Requirement
from harness.install import parse


@pytest.mark.parametrize(
    ("text", "distribution", "version"),
    [
        ("onnxruntime==1.22.1", "onnxruntime", "1.22.1"),
        ("onnxruntime-openvino==1.24.1", "onnxruntime-openvino", "1.24.1"),
        ("onnxruntime-gpu==1.20.0rc1", "onnxruntime-gpu", "1.20.0rc1"),
        ("ort-nightly==1.19.0.dev20240601001", "ort-nightly", "1.19.0.dev20240601001"),
        ("onnxruntime-gpu==1.17.1+cu118", "onnxruntime-gpu", "1.17.1+cu118"),
    ],
)
def test_one_version_of_a_known_distribution_is_a_requirement(
    text: str, distribution: str, version: str
) -> None:
    assert parse(text) == Requirement(distribution, version)
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "onnxruntime",
        "onnxruntime=1.22.1",
        "onnxruntime==",
        "onnxruntime>=1.22.1",
        "onnxruntime===1.22.1",
        "onnxruntime==1.22.*",
        "onnxruntime==1.22.1,<2",
        "onnxruntime==1.22.1; rm -rf ~",
        "onnxruntime==1.22.1;python_version>'3'",
        "onnxruntime==1.22.1 --pre",
        "onnxruntime==1.22.1 ",
        " onnxruntime==1.22.1",
        "onnxruntime ==1.22.1",
        "onnxruntime==1.22.1\n--index-url=http://x",
        "onnxruntime==1.22.1\x00",
        "onnxruntime==1.22.1\u2028",
        "onnxruntime==1.22.1$(reboot)",
        "onnxruntime==1.22.1`reboot`",
        "onnxruntime==1.22.1|sh",
        "onnxruntime==../../etc",
        "onnxruntime==1.22.1/../../x",
        "onnxruntime==1\u0662.0",  # an Arabic digit
        "onnxruntime==1.0.po\u017ft1",  # a letter that upper-cases to S
        "onnxruntime==" + "1" * 200,
        "onnxruntime==1." + "9" * 5000,
        "onnxruntime[extra]==1.22.1",
        "onnxruntime @ http://x/onnxruntime-1.22.1-py3-none-any.whl",
        "--index-url=http://x",
        "--index-url=http://x==1",
        "-r==1",
        "-rrequirements.txt",
        "-e.whl",
        "--target=/x.whl",
        "git+https://github.com/microsoft/onnxruntime",
        "git+https://x/y==1.0",
        "https://x/onnxruntime-1.22.1-py3-none-any.whl",
        "file:///x/onnxruntime-1.22.1-py3-none-any.whl",
        "torch==2.9.0",
        "onnxruntlme==1.22.1",
        "ONNXRuntime==1.22.1",
        "onnxruntime_gpu==1.22.1",
    ],
)
def test_options_urls_and_shell_text_are_refused_before_anything_runs(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse(text)
    assert len(str(refused.value).splitlines()) == 1


def test_a_misspelled_distribution_is_answered_with_the_closest_one() -> None:
    with pytest.raises(
        InputError, match="unknown distribution 'onnxruntime-openvno': did you mean 'onnxruntime-openvino'"
    ):
        parse("onnxruntime-openvno==1.24.1")


def test_another_spelling_of_a_version_is_answered_with_the_one_that_counts() -> None:
    with pytest.raises(InputError, match=r"write onnxruntime==1\.22\.1rc1$"):
        parse("onnxruntime==1.22.1-RC1")


@given(
    st.text("019.abrcpostdev+-! ;=\n", max_size=12) | st.text(max_size=40),
    st.sampled_from(("", *(f"{name}==" for name in DISTRIBUTIONS))),
)
def test_whatever_passes_is_a_plain_name_and_version(text: str, before: str) -> None:
    try:
        found = parse(before + text)
    except InputError:
        return
    assert str(found) == before + text
    assert not set(str(found)) - set("abcdefghijklmnopqrstuvwxyz0123456789.-+!=")


def test_a_wheel_is_known_by_its_name(make_wheel) -> None:
    wheel = make_wheel("onnxruntime-gpu", "1.22.1+local.7")
    assert parse(str(wheel)) == Requirement("onnxruntime-gpu", "1.22.1+local.7", str(wheel))
    assert str(parse(str(wheel))) == str(wheel)


def test_a_relative_wheel_becomes_absolute(make_wheel, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = make_wheel()
    monkeypatch.chdir(wheel.parent)
    assert parse(wheel.name).wheel == str(wheel)


@pytest.mark.parametrize(
    "name",
    [
        "onnxruntime-9.1.2-py3-none-any.zip",
        "onnxruntime.whl",
        "onnxruntime-latest-py3-none-any.whl",
        "onnxruntime-9.1.2-py3-none-any;x.whl",
        "onnxruntime-9.1.2-py3-none-any [extra].whl",
        "torch-2.9.0-py3-none-any.whl",
    ],
)
def test_a_file_that_is_not_named_like_a_runtimes_wheel_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError):
        parse(str(tmp_path / name))


def test_a_wheel_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        parse(str(tmp_path / "onnxruntime-9.1.2-py3-none-any.whl"))


def test_a_folder_named_like_a_wheel_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "onnxruntime-9.1.2-py3-none-any.whl"
    folder.mkdir()
    with pytest.raises(InputError, match="there is no such file"):
        parse(str(folder))


def test_a_link_to_a_wheel_is_refused_with_the_file_it_leads_to(make_wheel, tmp_path: Path) -> None:
    wheel = make_wheel()
    link = tmp_path / "onnxruntime-9.9.9-py3-none-any.whl"
    link.symlink_to(wheel)
    with pytest.raises(InputError, match=rf"it is a link: name the file itself, '{wheel}'"):
        parse(str(link))
