"""Check this machine for noise, and find the smallest change that it can detect."""
