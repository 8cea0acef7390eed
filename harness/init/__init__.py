"""Files that measure a user's own models every night: a suite, its config, asv's configuration, CI jobs."""
