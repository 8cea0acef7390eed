"""Write plain data as one line of strict JSON that carries its own checksum, and read it back.

The last key of a line, ``check``, is the first 16 digits of the sha256 of the
line without it. Lines of before have none, and are read as they are.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.core.record import Record

_CHECK = re.compile(rb',"check":"([0-9a-f]{16})"\}$')


def encode(record: Record) -> bytes:
    """Write a record as one line of strict JSON; numbers that are not finite become null."""
    # The samples are plain already, and many: to_json would copy each number.
    return encode_line({**replace(record, samples={}).to_json(), "samples": record.samples})


def encode_line(data: Mapping[str, Any]) -> bytes:
    """Write plain data, at least one key of it, as `encode` does a record."""
    try:
        text = json.dumps(data, allow_nan=False, ensure_ascii=False, default=_plain)
    except ValueError:
        text = json.dumps(_finite(data), allow_nan=False, ensure_ascii=False, default=_plain)
    # What a runtime printed may not be text: a lone surrogate becomes "?".
    line = text.encode("utf-8", "replace")
    return line[:-1] + f',"check":"{_digest(line)}"}}\n'.encode()


def decode_line(line: bytes) -> dict[str, Any]:
    """Read what `encode_line` wrote, without the checksum. Raises ValueError where it changed since."""
    line = line.removesuffix(b"\n")
    found = _CHECK.search(line)
    body = line[: found.start()] + b"}" if found else line
    if found and _digest(body) != found[1].decode():
        raise ValueError("it changed since it was written")
    data = json.loads(body)
    if not isinstance(data, dict) or "check" in data:
        raise ValueError("it changed since it was written")
    return data


def whole_lines(content: bytes) -> bytes:
    """Leave out a last line that was torn by a kill or a full disk."""
    return content[: content.rfind(b"\n") + 1]


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:16]


def _plain(value: Any) -> Any:
    """Turn numpy's scalars and arrays into JSON's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a record cannot hold {type(value).__name__}")


def _finite(value: Any) -> Any:
    """Replace what JSON has no word for by None; a metric then says why it has no value."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        clean = {key: _finite(item) for key, item in value.items()}
        if "reason" in value and value.get("value") is not None and clean["value"] is None:
            clean["reason"] = value["reason"] or f"not a finite number ({value['value']})"
        return clean
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return _finite(value.tolist()) if hasattr(value, "tolist") else value
