"""Pure rules and values of the journal: no I/O, no clock, no randomness."""
