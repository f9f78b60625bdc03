"""The pure rules of alerts: no I/O, no clock and no randomness."""
