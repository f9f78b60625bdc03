"""The pure part of health: values and rules."""
