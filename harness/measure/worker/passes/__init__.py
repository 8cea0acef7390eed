"""The passes, a file each with a function `run`; their rows are in `harness.core.passes`."""
