"""Rules of the limits module: pure, on integers of nanoseconds."""
