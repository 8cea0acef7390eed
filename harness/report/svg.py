"""Make matplotlib's SVG fit to stand in a page: small, with the page's colors, and names of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from xml.etree import ElementTree

from harness.report.palette import VARIABLES

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_LINK = "{http://www.w3.org/1999/xlink}href"
_STRAIGHT = re.compile(r"[MLz\d\s.e-]+")
_UNUSED = ("metadata", "style", "clipPath")
_ANCHORS = {"middle": "m", "end": "e"}
_WIDTHS = {".7": "", ".8": ""}  # the page's own

CODES = {
    color: name.removeprefix("h") if name[1:].isdecimal() else name[0] for color, name in VARIABLES.items()
}
"""Color of a role -> the letter or digit that stands for it in the name of a class."""

NAMES = dict(zip(CODES.values(), VARIABLES.values(), strict=True))
"""That letter -> the variable of the page."""


def inline(svg: bytes, marks: dict[str, str], label: str) -> str:
    """Rewrite `svg` for a page: `label` is what is read aloud for it.

    `marks` has the outlines that the pictures of the page share, each with its identifier, and takes up
    those of this one; `shared` writes them.
    """
    root = ElementTree.fromstring(svg)
    box = _round(root.attrib["viewBox"])
    used = {link.removeprefix("#") for element in root.iter() if (link := element.get(_LINK))}
    names = {
        element.attrib["id"]: marks.setdefault(_path(element.attrib["d"]), f"m{len(marks)}")
        for element in root.iter()
        if element.get("id") in used
    }
    body = "".join(_joined(part for child in root for part in _element(child, names)))
    width = box.split()[2]
    return f'<svg role=img viewBox="{box}" width={width} aria-label="{escape(label)}">{body}</svg>'


def shared(marks: Mapping[str, str]) -> str:
    """Write the outlines that pictures refer to, once for the page; nothing of it is seen where it stands."""
    paths = "".join(f'<path id={name} d="{d}"/>' for d, name in marks.items())
    return f"<svg class=marks width=0 height=0 aria-hidden=true><defs>{paths}</defs></svg>" if paths else ""


def rules(page: str) -> str:
    """Return the style rules of the classes that pictures in `page` use."""
    found = sorted(set(re.findall(r'class="?(?:[me] )?c([0-7imgpnx]{2})\b', page)))
    return "".join(
        f".c{code}{{{_rule('fill', code[0])}{_rule('stroke', code[1])}{_WIDE if _is_line(code) else ''}}}"
        for code in found
    )


_WIDE = "stroke-width:1.5"


def _is_line(code: str) -> bool:
    """Return whether a class is that of lines in a hue, which are wider than others."""
    return code[0] == "n" and code[1].isdecimal()


def _rule(key: str, code: str) -> str:
    if code == "x":
        return ""
    return f"{key}:{'none' if code == 'n' else f'var(--{NAMES[code]})'};"


def _element(element: ElementTree.Element, names: Mapping[str, str]) -> Iterator[str]:
    tag = element.tag.rpartition("}")[2]
    if tag in _UNUSED or element.get("id") in names:
        return
    if tag in ("g", "defs"):
        for child in element:
            yield from _element(child, names)
        return
    attributes = dict(_attributes(element, tag, names))
    if tag == "path" and not _is_seen(element, attributes):
        return
    written = "".join(f" {name}={value}" for name, value in attributes.items())
    text = escape(element.text or "", quote=False) if tag == "text" else ""
    end = "/>" if written.endswith('"') else " />"
    yield f"<{tag}{written}>{text}</{tag}>" if text else f"<{tag}{written}{end}"


def _joined(parts: Iterable[str]) -> Iterator[str]:
    """Make one path of those that follow one another and look the same."""
    head, path = "", ""
    for part in parts:
        begin, middle, rest = part.partition(' d="')
        if middle and rest.endswith('"/>') and begin == head:
            path += rest[:-3]
            continue
        if path:
            yield f'{head} d="{path}"/>'
        head, path = "", ""
        if middle and rest.count('"') == 1 and rest.endswith('"/>'):
            head, path = begin, rest[:-3]
        else:
            yield part
    if path:
        yield f'{head} d="{path}"/>'


def _is_seen(element: ElementTree.Element, attributes: Mapping[str, str]) -> bool:
    """Leave out paths of a single point, and those without any color."""
    return attributes.get("class", "cnn") not in ("cnn", "cnx") and any(
        letter in element.get("d", "") for letter in "LC"
    )


def _attributes(
    element: ElementTree.Element, tag: str, names: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    style = dict(_style(element))
    if link := element.get(_LINK):
        yield "href", f"#{names[link.removeprefix('#')]}"
    if tag == "text":
        yield from _text(style)
    else:  # a mark takes its colors where it is used
        code = _code(style, "fill", style.get("fill-opacity") == "0") + _code(style, "stroke")
        yield "class", f"c{code}"
        if "opacity" in style:
            yield "opacity", _bare(style["opacity"])
        width = _short(style.get("stroke-width", "1"))
        if tag == "path" and _WIDTHS.get(width, width) and "stroke" in style and not _is_line(code):
            yield "stroke-width", width
        if "stroke-dasharray" in style:
            yield "stroke-dasharray", _round(style["stroke-dasharray"]).replace(" ", "")
    for key in ("x", "y"):
        if key in element.attrib:
            yield key, _short(element.attrib[key])
    if "d" in element.attrib:
        yield "d", f'"{_path(element.attrib["d"])}"'
    turned = element.get("transform", "")
    if turned and not turned.startswith("rotate(-0 "):
        yield "transform", f'"{_round(turned)}"'


def _text(style: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give the side of a text, and its color where that is not the page's ink."""
    classes = [_ANCHORS.get(style.get("text-anchor", ""), "")]
    if (code := _code(style, "fill")) not in ("i", "x"):
        classes.append(f"c{code}x")
    if named := " ".join(filter(None, classes)):
        yield "class", named if " " not in named else f'"{named}"'


def _code(style: Mapping[str, str], key: str, hollow: bool = False) -> str:
    value = style.get(key, "")
    return "n" if value == "none" or hollow else CODES.get(value, "x")


def _style(element: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for part in element.get("style", "").split(";"):
        key, _, value = part.partition(":")
        if value:
            yield key.strip(), value.strip()


def _path(d: str) -> str:
    """Write a path short: steps of tenths of a pixel from point to point, where all of it is straight."""
    if not _STRAIGHT.fullmatch(d):
        return re.sub(r"\s*([A-Za-z])\s*", r"\1", _round(d.replace("\n", " "))).strip()
    found: list[str] = []
    at, last = (0, 0), ""
    for command, rest in re.findall(r"([MLz])([^MLz]*)", d):
        if command == "z":
            found.append("z")
            continue
        x, y = (round(10 * float(number)) for number in rest.split())
        if command == "M":
            found.append(f"M{_tenths(x)} {_tenths(y)}")
            last = ""
        elif (x, y) != at:
            step = _step(x - at[0], y - at[1])
            found.append(f" {step[1:]}" if step[0] == last == "l" else step)
            last = step[0]
        at = (x, y)
    return re.sub(r"(\.\d+) (?=\.)", r"\1", "".join(found).replace(" -", "-"))


def _step(across: int, down: int) -> str:
    """Write a step of a path, in tenths of a pixel."""
    if not down:
        return f"h{_tenths(across)}"
    return f"l{_tenths(across)} {_tenths(down)}" if across else f"v{_tenths(down)}"


def _tenths(number: int) -> str:
    return _bare(f"{number / 10:.1f}")


def _round(text: str) -> str:
    """Round every number to a tenth of a pixel."""
    return _NUMBER.sub(lambda match: _short(match[0]), text)


def _short(number: str) -> str:
    return _bare(f"{float(number):.1f}")


def _bare(text: str) -> str:
    text = text.removesuffix(".0")
    if text == "-0":
        return "0"
    return re.sub(r"^(-?)0\.", r"\1.", text)
