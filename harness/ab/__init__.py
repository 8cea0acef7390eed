"""Compare two models or settings by an interleaved A/B test."""
