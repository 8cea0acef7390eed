"""A stand-in for a model, for tests of the whole path with exact numbers.

Everything but the keys below goes to the fake engine as written. ``inputs``
(name -> {dtype, shape}) and ``output_names`` say what the model takes and
gives; ``unsupported`` and ``failed`` hold the reason with which the build ends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.build.reading import Reading
from harness.build.sources import Asked, Written
from harness.core.errors import Failed, Unsupported
from harness.core.inputs import Input

FILE = "model.json"


class Fake:
    """A mapping that the fake engine acts out."""

    @staticmethod
    def identify(options: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
        """Return the mapping itself."""
        return {"mapping": options}

    @staticmethod
    def write(options: Mapping[str, Any], asked: Asked, folder: Path) -> Written:
        """Write the mapping as JSON; every opset and exporter can be had."""
        rest = dict(options)
        inputs = rest.pop("inputs", {"x": {"shape": ["batch", 4]}})
        outputs = rest.pop("output_names", ["y"])
        classes = rest.pop("classes", {})  # output -> axis, as a graph that ends in a softmax has them
        for key, error in (("unsupported", Unsupported), ("failed", Failed)):
            if reason := rest.pop(key, None):
                raise error(reason)
        (folder / FILE).write_text(json.dumps(rest))
        reading = Reading(
            opset=asked.opset or 0,
            precision="fp32",
            operators={},
            inputs=tuple(_input(name, item) for name, item in inputs.items()),
            outputs=tuple(outputs),
            classes=dict(classes),
        )
        return Written(FILE, engine="fake", reading=reading)


def _input(name: str, item: Mapping[str, Any]) -> Input:
    rest = {"dtype": "float32", **item}
    return Input(name, **{**rest, "shape": tuple(rest["shape"])})
