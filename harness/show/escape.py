"""Keep names and reasons text: nothing that a model is called moves a cursor or opens a tag."""

from __future__ import annotations

import re
import unicodedata

# Controls, formats (text direction, zero width), surrogates, line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str) -> str:
    r"""Write what a terminal would obey or hide as escapes: ESC becomes ``\x1b``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) in _UNSEEN else letter
        for letter in text
    )


def markdown(text: str) -> str:
    """Write text so that Markdown (and the HTML in it) shows it as it is, on one line."""
    text = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*\[\]|~#])", r"\\\1", text)
    # An underscore within a word is itself; at its edge it would begin emphasis.
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", text)


def markdown_item(text: str) -> str:
    """Write text as `markdown` does, where a line begins: it does not become a list of its own."""
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", markdown(text))


def formula(text: str) -> str:
    """Keep a spreadsheet from running text as a formula: OWASP's leading apostrophe."""
    text = visible(text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
