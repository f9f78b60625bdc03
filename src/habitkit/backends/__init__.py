"""Backends: places where facts are kept."""
