"""Compare two stored runs."""
