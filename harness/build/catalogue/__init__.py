"""Data that ships with the harness."""
