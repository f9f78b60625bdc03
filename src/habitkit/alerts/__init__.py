"""Alerts: rules on metrics, evaluated by the kit and sent to receivers."""
