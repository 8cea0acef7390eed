"""Measured numbers in Python: sweeps, suites and A/Bs run from there, stored runs as frames and plots."""
