"""Run a suite, compare it, confirm what looks worse, and report."""
