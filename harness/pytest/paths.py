"""Where a session keeps things, and what an item hands on: what the plugin and the suites share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

RECORD = pytest.StashKey[str]()
"""An item's record, as JSON."""


def cache_dir(config: pytest.Config) -> Path:
    """Give the folder that keeps built models."""
    if own := config.getoption("--harness-cache"):
        return absolute(config, own)
    from harness.build import default_cache_dir

    return default_cache_dir()


def results_dir(config: pytest.Config) -> Path:
    """Give the folder that keeps the measured runs."""
    return absolute(config, config.getoption("--harness-results"))


def absolute(config: pytest.Config, text: str) -> Path:
    """Make a path of the command line absolute as pytest does: no link followed."""
    return Path(os.path.abspath(config.invocation_params.dir / text))  # noqa: PTH100
