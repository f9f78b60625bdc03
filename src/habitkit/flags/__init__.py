"""Feature flags and remote configuration."""
