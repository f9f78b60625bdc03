"""Many actions together: what they read and write, in few statements."""
