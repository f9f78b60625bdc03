"""Pure rules of the cache."""
