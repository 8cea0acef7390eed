"""Show every metric over the stored runs, and where its level changed."""
