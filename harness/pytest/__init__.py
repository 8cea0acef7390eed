"""Benchmarks among tests: suites as test files, and a fixture for people's own tests."""
