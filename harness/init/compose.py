"""Compose the suite, and fill in the templates of the CI jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.init.model import SuiteEntry

SUITE, CONFIG, ASV = "suites/nightly.yaml", "configs/nightly.yaml", "asv.conf.json"
GITHUB, GITLAB = ".github/workflows/harness.yml", ".gitlab/harness.yml"

HEADER = """\
# Is any of these models slower, bigger or less accurate than before? Written by 'harness init'.
# More axes (precision, provider, batch, ...), labelled data and gates: docs/suites.md of the harness.
"""
VARIABLE = {
    GITHUB: "HARNESS_SOURCE: ${{ vars.HARNESS_SOURCE }}",
    GITLAB: '# HARNESS_SOURCE: "git+https://..."',
}
"""The line that the user fills in, where nothing is known: until then, a variable of the repository."""


def suite(entries: Iterable[SuiteEntry], extends: str, custom_ops: Sequence[str] = ()) -> dict[str, Any]:
    """Return the suite of some models as plain data; with what was assumed for each.

    `custom_ops` are libraries, as a suite has them: paths relative to its folder.
    """
    return {
        "extends": extends,
        "description": "Every model at one setting, every night.",
        "models": {item.name: _model(item) for item in entries},
        "axes": {"intra_threads": 1},
        **({"session": {"custom_ops": list(custom_ops)}} if custom_ops else {}),
    }


def _model(entry: SuiteEntry) -> dict[str, Any]:
    parts = {"source": entry.source, "shapes": entry.shapes, "inputs": entry.inputs, "axes": entry.axes}
    return {key: dict(value) for key, value in parts.items() if value}


def names(paths: Sequence[tuple[str, str]]) -> list[str]:
    """Name models after (folder, stem) of their files: by the stem, where it is taken with the folder."""
    found: list[str] = []
    for folder, stem in paths:
        name = _plain(stem)
        if name in found:
            name = f"{_plain(folder)}_{name}"
        number = 2
        while name in found:
            name, number = f"{name}_{number}", number + 1
        found.append(name)
    return found


def _plain(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text) or "model"


def fill(templates: Mapping[str, str], project: str, source: str) -> dict[str, str]:
    """Put the project's name and what pip installs the harness from into the templates."""
    line = f"HARNESS_SOURCE: {json.dumps(source)}"
    return {
        name: text.replace("@PROJECT@", json.dumps(project)).replace(
            "@HARNESS_SOURCE@", line if source else VARIABLE.get(name, "")
        )
        for name, text in templates.items()
    }
