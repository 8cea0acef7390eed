"""The loop over a plan: build, measure, judge and store each case."""
