"""Find what a model file is, what will cost time or break, and the command that measures it."""
