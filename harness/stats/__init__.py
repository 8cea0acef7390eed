"""Statistics over plain numbers: no clock, no file, no metric."""
