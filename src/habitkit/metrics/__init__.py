"""Metrics: instruments, their time series, and queries on them."""
