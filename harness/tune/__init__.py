"""Find the best settings of a model under limits, in a fraction of a full sweep's time."""
