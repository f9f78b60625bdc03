"""The operators of rules."""
