"""Inference for experiments: pure functions, of the standard library alone."""
