"""Health: checks of the kit and of its host, and the daily check."""
