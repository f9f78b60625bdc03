"""The pure rules of metrics: no I/O, no clock and no randomness."""
