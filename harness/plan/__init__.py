"""What to measure: a suite in YAML becomes a plan.

The way of a suite: document (YAML with places) -> layers (what it extends,
overrides) -> schema (checked) -> sweep (nouns, axes, rules) -> expand (cases).
"""

from harness.plan.estimate import Estimate, estimate
from harness.plan.planner import dump, plan, plan_document, plan_model
from harness.plan.shard import parse_shard, shard
from harness.plan.starters import is_starter

__all__ = [
    "Estimate",
    "dump",
    "estimate",
    "is_starter",
    "parse_shard",
    "plan",
    "plan_document",
    "plan_model",
    "shard",
]
