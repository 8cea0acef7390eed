"""Small words that several pages need."""

from __future__ import annotations


def count(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 case``, ``2 cases``, ``3 processes``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}{'es' if noun.endswith('s') else 's'}"


def one_line(text: str) -> str:
    """Join the lines of a text that people wrote."""
    return " ".join(text.split())
