"""Pure rules and values of coins: no I/O, no clock, no randomness."""
