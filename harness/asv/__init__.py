"""Hand stored runs to asv, and build its dashboard."""
