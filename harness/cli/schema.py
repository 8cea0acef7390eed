"""`harness schema`: the JSON schema of a suite, for editors."""

from __future__ import annotations

import json

import click


@click.command(
    epilog="""\b
Examples:
  harness schema > suite.schema.json
  check-jsonschema --schemafile suite.schema.json suites/*.yaml
The first line of a suite points an editor to it:
  # yaml-language-server: $schema=suite.schema.json
"""
)
def schema() -> int:
    """Print the JSON schema (draft 2020-12) of a suite: completion, hover and checks in an editor."""
    from harness.plan.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=1, ensure_ascii=False))
    return 0
