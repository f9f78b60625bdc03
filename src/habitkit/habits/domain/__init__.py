"""Pure rules and values of habits and streaks: no I/O, no clock, no randomness."""
