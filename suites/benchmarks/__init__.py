"""Benchmarks for `asv run`."""
