"""Backends: stores for facts, and state of rate limits."""
