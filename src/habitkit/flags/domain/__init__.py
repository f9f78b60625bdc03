"""The rules of flags: pure functions and frozen values."""
