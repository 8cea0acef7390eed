"""Find the first version that is worse."""
