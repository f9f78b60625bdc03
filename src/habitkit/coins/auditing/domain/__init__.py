"""Pure rules and values of the audit: no I/O, no clock, no randomness."""
