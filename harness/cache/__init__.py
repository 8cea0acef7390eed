"""What lies in the cache, how much room it takes, and how to get that back."""
