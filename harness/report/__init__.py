"""One file to hand over: a run with its numbers, charts, failures and the commands that repeat it."""
